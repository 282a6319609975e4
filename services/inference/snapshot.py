"""The models that a worker serves from, frozen: swapped whole between two requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from maitred.artifact import Model
from maitred.artifact.model import Newcomers
from maitred.artifact.newcomers import Kinds
from maitred.catalogue import (
    NOTHING,
    Allowed,
    Catalogue,
    Ints,
    LiveCatalogue,
    Overlay,
    Rest,
    Restaurant,
    no_rest,
)
from maitred.policy import Objective, Policy
from maitred.store.catalogue import NOWHERE, Position
from services.inference.memo import Memo
from services.inference.shown import Shown

__all__ = ["EMPTY", "News", "Served", "Snapshot", "Snapshots"]

_VIEWS = 64
"""Of up to 20,000 rows each: 10 MB at the most."""
_LISTS = 1_000

_NOBODY = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class News:
    """What became known of restaurants at once.

    ``newer`` is what changed, ``after`` all that ever did, and ``position`` where that was true.
    """

    newer: Overlay
    after: Overlay
    position: Position


@dataclass(frozen=True, eq=False)
class Served:
    """A model and the restaurants as they are now: those it was made with, or newer records.

    Rows of ``catalogue`` below ``len(model.catalogue)`` are the model's. ``position`` says what
    is known in ``catalogue``; model, position and request together fix a reply's scores.
    """

    model: Model
    catalogue: Catalogue | LiveCatalogue
    position: Position = NOWHERE
    kinds: Kinds | None = None
    """Once there are newcomers: which restaurants of the model they are like."""

    @classmethod
    def of(cls, model: Model) -> "Served":
        """Serve a model with its own catalogue; derives what the first request would pay for."""
        served = cls(model, model.catalogue)
        _ = (model.mean_log_value, model.choices_in_all, served.timezone)
        return served

    @cached_property
    def timezone(self) -> str:
        """The zone that most restaurants keep: whose dinner time it is when the diner's is unknown."""
        return self.catalogue.usual_timezone

    @cached_property
    def allowed(self) -> Memo[Allowed]:
        """What common filters let pass."""
        return Memo(_VIEWS)

    @cached_property
    def lists(self) -> Memo[Shown]:
        """What everybody is shown who asks the same."""
        return Memo(_LISTS)

    @cached_property
    def catalogue_version(self) -> str:
        """The position as text: what the header ``Catalogue-Version`` of a reply says."""
        return str(self.position)

    def afresh(self) -> "Served":
        """Return the model with its own catalogue again."""
        return replace(
            self,
            model=self.model.with_newcomers(None),
            catalogue=self.model.catalogue,
            position=NOWHERE,
        )

    def then(self, news: News, *, rest: Rest = no_rest) -> "Served":
        """Return the same model with what became known since; costs what is new."""
        base = self.model.catalogue
        if not len(base) or not (len(news.newer) or isinstance(self.catalogue, LiveCatalogue)):
            return replace(self, position=news.position)
        old = self.catalogue
        if isinstance(old, Catalogue):
            old = LiveCatalogue.over(base)
        catalogue = old.then(news.newer, news.after, rest=rest)
        kinds = self.kinds
        newcomers = None
        if len(catalogue) > len(base):
            kinds = kinds or Kinds(self.model)
            codes = self._kinds_in(catalogue, old, news.newer.touched, kinds, rest)
            newcomers = Newcomers(codes, kinds.alike)
        return Served(self.model.with_newcomers(newcomers), catalogue, news.position, kinds)

    def _kinds_in(
        self,
        new: LiveCatalogue,
        old: LiveCatalogue,
        touched: list[str],
        kinds: Kinds,
        rest: Rest,
    ) -> Ints:
        """Return of which kind newcomers are: looked up for those touched, else as before."""
        before = _NOBODY if self.model.newcomers is None else self.model.newcomers.kinds
        stayed = np.ones(before.size, dtype=np.bool_)
        stayed[old.newcomers_among(touched)[0]] = False
        result = np.empty(len(new) - len(new.base), dtype=np.int32)
        same = np.ones(result.size, dtype=np.bool_)
        at, rows = new.newcomers_among(touched)
        same[at] = False
        result[same] = before[stayed]
        result[at] = kinds.kinds_of(new.changed.columns, rows, rest=rest)
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One recommender an objective; either may be missing. And what restaurants are like now."""

    clicks: Served | None = None
    revenue: Served | None = None
    overlay: Overlay = field(default=NOTHING)
    position: Position = NOWHERE

    @property
    def lowest(self) -> Served | None:
        """Whichever there is, clicks first: what the rungs below personalised can stand on."""
        return self.clicks or self.revenue

    @property
    def catalogue_version(self) -> str:
        """The position of both recommenders as text; empty before the first model."""
        return self.lowest.catalogue_version if self.lowest else ""

    def of(self, policy: Policy) -> Served | None:
        """Return the recommender that a policy ranks with."""
        return self.revenue if policy.recommender is Objective.REVENUE else self.clicks

    def restaurant(self, restaurant_id: str) -> Restaurant | None:
        """Return what is now true of a restaurant; None if there is none of this id."""
        newer = self.overlay.changed.record(restaurant_id)
        if newer is not None or restaurant_id in self.overlay.gone:
            return newer
        return self.modelled(restaurant_id)

    def modelled(self, restaurant_id: str) -> Restaurant | None:
        """Return what a model knows of a restaurant, whatever changed since."""
        for served in (self.clicks, self.revenue):
            if served is not None and (found := served.model.catalogue.record(restaurant_id)):
                return found
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

    def then(self, news: News, *, rest: Rest = no_rest) -> "Snapshot":
        """Return the same models with what became known since."""
        return Snapshot(
            self.clicks and self.clicks.then(news, rest=rest),
            self.revenue and self.revenue.then(news, rest=rest),
            news.after,
            news.position,
        )

    def afresh(self) -> "Snapshot":
        """Return the same models with their own restaurants again."""
        return Snapshot(
            self.clicks and self.clicks.afresh(), self.revenue and self.revenue.afresh()
        )


EMPTY = Snapshot()


class Snapshots:
    """The one place that changes: a request takes ``now`` once and keeps it to its end."""

    def __init__(self) -> None:
        self.now = EMPTY

    def swap(self, snapshot: Snapshot) -> None:
        """Serve another snapshot from the next request on."""
        self.now = snapshot
