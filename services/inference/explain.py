"""Why a restaurant stands where it does: the terms of its score, grouped and put into words.

The contributions of an item add up to its score: what is shown is what ranked.
"""

import math
from collections.abc import Sequence

import numpy as np

from maitred.artifact import Scored, Taste
from maitred.catalogue.tags import spans
from services.inference.shown import Indices, Reason, Rung, Shown
from services.inference.snapshot import Served

__all__ = ["explain"]

_GROUPS = {
    "neighbours": "because_you_visited",
    "vector": "similar_diners",
    "own_recency": "your_own",
    "own_choices": "your_own",
    "known": "your_own",
    "popularity": "popular",
    "choices": "popular",
    "value": "value",
}
"""The group of each feature of the ranker."""

_TEXTS = {
    "because_you_visited": ("Because you visited {name}", "Rarely chosen by visitors of {name}"),
    "similar_diners": (
        "Diners with a taste like yours choose it",
        "Diners with a taste like yours choose it less often",
    ),
    "your_own": ("You have been here before", "You have been here before"),
    "popular": ("Popular with all diners", "Less popular than others"),
    "value": ("A visit here is usually worth more", "A visit here is usually worth less"),
}
"""What a group says where it helps and where it hurts."""


def explain(
    served: Served, taste: Taste, shown: Shown, scored: Scored | None
) -> list[list[Reason]]:
    """Return the reasons of each restaurant shown, strongest first, the common base last.

    ``scored`` is what the list was drawn from; None on the rungs that were not scored.
    """
    names = _names_of_causes(served, taste, shown.restaurants)
    reasons = []
    for at, restaurant in enumerate(shown.restaurants.tolist()):
        score = float(shown.scores[at])
        terms = _money(served, shown, restaurant)
        if scored is not None and shown.rung is Rung.PERSONALISED:
            terms += _terms(served, scored, restaurant, names[at])
            base = Reason("pool", "Compared with every other restaurant in question", 0.0)
        else:
            rung = shown.rung
            if shown.fillers is not None and shown.fillers[at]:
                rung = Rung.POPULAR
            base = Reason(rung.value, _RUNG_TEXTS[rung], 0.0)
        terms.sort(key=lambda reason: -abs(reason.contribution))
        rest = score - math.fsum(reason.contribution for reason in terms)
        reasons.append([*terms, Reason(base.code, base.text, rest)])
    return reasons


_RUNG_TEXTS = {
    Rung.SEGMENT: "Often chosen for a place, a time and a cuisine like these",
    Rung.POPULAR: "Popular with all diners",
    Rung.STATIC: "Popular with all diners",
}


def _money(served: Served, shown: Shown, restaurant: int) -> list[Reason]:
    """The dial's own term, said openly; the static rung has none."""
    weight = shown.policy.weight
    if not weight or shown.rung is Rung.STATIC:
        return []
    contribution = weight * float(served.model.log_values_of(np.array([restaurant]))[0])
    text = f"What a visit is worth to us counts with weight {weight:g}"
    return [Reason("revenue_weight", text, contribution)]


def _terms(served: Served, scored: Scored, restaurant: int, cause: str) -> list[Reason]:
    """The ranker's terms for one candidate, summed by group; groups that say nothing are left out."""
    ranker = served.model.manifest.ranker
    at = int(np.searchsorted(scored.candidates, restaurant))
    sums: dict[str, float] = {}
    for name, value, weight in zip(
        ranker.features, scored.features[at].tolist(), ranker.weights, strict=True
    ):
        group = _GROUPS[name]
        sums[group] = sums.get(group, 0.0) + value * weight
    return [
        Reason(group, _TEXTS[group][total < 0].format(name=cause), total)
        for group, total in sums.items()
        if total
    ]


def _names_of_causes(served: Served, taste: Taste, restaurants: Indices) -> Sequence[str]:
    """For each restaurant, the name of the visited one that says most about it."""
    causes = _causes(served, taste, restaurants)
    return [
        served.catalogue.name_of(cause) if cause >= 0 else "others you like"
        for cause in causes.tolist()
    ]


def _causes(served: Served, taste: Taste, restaurants: Indices) -> Indices:
    """For each restaurant, the visited row with the largest weight towards it; -1 for none."""
    model = served.model
    known = taste.items[taste.items < len(model.catalogue)].astype(np.intp)
    owner, place = spans(model.neighbours_indptr, known)
    items, weights = model.neighbours_items[place], model.neighbours_weights[place]
    causes = np.full(restaurants.size, -1, dtype=np.intp)
    for at, restaurant in enumerate(restaurants.tolist()):
        said = np.flatnonzero(items == restaurant)
        if said.size:
            causes[at] = known[owner[said[np.argmax(weights[said])]]]
    return causes
