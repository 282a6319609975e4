"""The models that a worker serves from, frozen: swapped whole between two requests."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maitred.artifact import Model
from maitred.catalogue import Restaurant
from maitred.policy import Objective, Policy

__all__ = ["EMPTY", "Served", "Snapshot", "Snapshots"]


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A model with what serving derives from it once.

    ``log_shares`` float64 [n]: log of each restaurant's share of all choices, none being zero.
    ``by_share`` intp [n]: the same, best first, ties by id.
    ``timezone`` is the one that most restaurants keep: whose dinner time it is when the diner's
    own is unknown.
    """

    model: Model
    log_shares: NDArray[np.float64]
    by_share: NDArray[np.intp]
    timezone: str

    @classmethod
    def of(cls, model: Model) -> "Served":
        """Derive everything that the first request would otherwise pay for."""
        shares = model.choices.astype(np.float64) + 1.0
        zones = Counter(r.timezone or "UTC" for r in model.catalogue.restaurants)
        _ = (model.log_values, model.mean_log_value, model.log_popularity, model.log_choices)
        _ = (model.by_popularity, model.catalogue.ids)
        log_shares = np.log(shares / shares.sum())
        return cls(
            model,
            log_shares,
            np.argsort(-log_shares, kind="stable"),
            zones.most_common(1)[0][0] if zones else "UTC",
        )


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One recommender an objective; either may be missing."""

    clicks: Served | None = None
    revenue: Served | None = None

    @property
    def lowest(self) -> Served | None:
        """Whichever there is, clicks first: what the rungs below personalised can stand on."""
        return self.clicks or self.revenue

    def of(self, policy: Policy) -> Served | None:
        """Return the recommender that a policy ranks with."""
        return self.revenue if policy.recommender is Objective.REVENUE else self.clicks

    def restaurant(self, restaurant_id: str) -> Restaurant | None:
        """Return what is known of a restaurant."""
        for served in (self.clicks, self.revenue):
            if served is not None:
                catalogue = served.model.catalogue
                at = catalogue.index.get(restaurant_id)
                if at is not None:
                    return catalogue.restaurants[at]
        return None

    def versions(self) -> Mapping[str, str | None]:
        """Return the version mapped for each objective."""
        return {
            "clicks": self.clicks.model.version if self.clicks else None,
            "revenue": self.revenue.model.version if self.revenue else None,
        }

    def with_model(self, served: Served) -> "Snapshot":
        """Return the snapshot in which this model serves its objective."""
        if served.model.manifest.objective == Objective.REVENUE.value:
            return replace(self, revenue=served)
        return replace(self, clicks=served)


EMPTY = Snapshot()


class Snapshots:
    """The one place that changes: a request takes ``now`` once and keeps it to its end."""

    def __init__(self) -> None:
        self.now = EMPTY

    def swap(self, snapshot: Snapshot) -> None:
        """Serve another snapshot from the next request on."""
        self.now = snapshot
