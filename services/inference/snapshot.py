"""The models that a worker serves from, frozen: swapped whole between two requests."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from maitred.artifact import Model
from maitred.catalogue import Catalogue, LiveCatalogue, Restaurant
from maitred.policy import Objective, Policy

__all__ = ["EMPTY", "Served", "Snapshot", "Snapshots"]


@dataclass(frozen=True, eq=False)
class Served:
    """A model and the restaurants as they are now: those it was made with, or newer records.

    Rows of ``catalogue`` below ``len(model.catalogue)`` are the model's.
    """

    model: Model
    catalogue: Catalogue | LiveCatalogue

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
            if served is not None and (found := served.catalogue.record(restaurant_id)):
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


EMPTY = Snapshot()


class Snapshots:
    """The one place that changes: a request takes ``now`` once and keeps it to its end."""

    def __init__(self) -> None:
        self.now = EMPTY

    def swap(self, snapshot: Snapshot) -> None:
        """Serve another snapshot from the next request on."""
        self.now = snapshot
