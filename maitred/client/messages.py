"""What goes over the wire, as values: the query, the reply, what became of an event.

Borders only. The reply's model is strict about what the contract promises and lets pass what it
does not mention.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat

from maitred.errors import UsageError
from maitred.events import Traffic

__all__ = [
    "Aim",
    "Erasure",
    "Outcome",
    "Outcomes",
    "Place",
    "Query",
    "Reason",
    "Recommendation",
    "Recommended",
    "Reply",
    "Rung",
]

Rung = Literal["personalised", "segment", "popular", "static"]
Degraded = Literal["deadline", "overload", "store", "no_model", "internal"]


@dataclass(frozen=True, slots=True)
class Aim:
    """What a list shall be ranked for, as people name it; neither given: the service's default."""

    objective: str | None = None
    revenue_weight: float | None = None

    @property
    def name(self) -> str:
        """``clicks``, ``revenue``, ``balanced`` or ``w=0.25``."""
        if self.revenue_weight is not None:
            return f"w={self.revenue_weight:g}"
        return self.objective or "clicks"

    @classmethod
    def named(cls, name: str) -> "Aim":
        """Read such a name.

        Raises:
            UsageError: if it is none.
        """
        if name in {"clicks", "revenue", "balanced"}:
            return cls(objective=name)
        with suppress(ValueError):
            if name.startswith("w=") and 0.0 <= (weight := float(name[2:])) <= 1.0:
                return cls(revenue_weight=weight)
        msg = f"'{name}' is no objective; there are clicks, revenue, balanced, and w=0 to w=1"
        raise UsageError(msg)


@dataclass(frozen=True, slots=True)
class Query:
    """What a diner asks for; None leaves the choice to the service."""

    user_id: str | None = None
    """None: anonymous."""
    k: int = 10
    """0: as many as the policy says."""
    policy: str | None = None
    """A named policy; what is None or empty here is its choice."""
    objective: str | None = None
    revenue_weight: float | None = None
    lat: float | None = None
    lon: float | None = None
    radius_km: float | None = None
    delivers: bool = False
    """Only those that deliver to ``lat``, ``lon``."""
    cuisines: tuple[str, ...] = ()
    """Any of these."""
    attributes: tuple[str, ...] = ()
    """All of these."""
    price_max: int | None = None
    open_at: str | None = None
    """A time (RFC 3339) or ``now``."""
    exclude: tuple[str, ...] = ()
    seen: Literal["keep", "mask"] | None = None
    """Whether restaurants that the diner visited before are shown."""
    max_per_cuisine: int | None = None
    cursor: str | None = None
    """``start``, then the cursor of the reply before: pages that repeat nothing."""
    history: tuple[str, ...] = ()
    """Restaurants that the client knows the diner visited, most recent first; sent by POST."""
    explain: bool = False
    explore: bool = True
    request_id: str | None = None

    def parameters(self, traffic: Traffic) -> list[tuple[str, str]]:
        """Return the query string's pairs, in a fixed order; defaults are left out."""
        single = {
            "user_id": self.user_id,
            "k": self.k or None,
            "policy": self.policy,
            "objective": self.objective,
            "revenue_weight": self.revenue_weight,
            "lat": self.lat,
            "lon": self.lon,
            "radius_km": self.radius_km,
            "delivers": "true" if self.delivers else None,
            "price_max": self.price_max,
            "open_at": self.open_at,
            "seen": self.seen,
            "max_per_cuisine": self.max_per_cuisine,
            "cursor": self.cursor,
            "explain": "true" if self.explain else None,
            "explore": None if self.explore else "false",
            "request_id": self.request_id,
            "traffic": traffic.value,
        }
        pairs = [(name, str(value)) for name, value in single.items() if value is not None]
        pairs += [("cuisine", cuisine) for cuisine in self.cuisines]
        pairs += [("attribute", attribute) for attribute in self.attributes]
        return pairs + [("exclude", restaurant_id) for restaurant_id in self.exclude]

    def body(self, traffic: Traffic) -> dict[str, object]:
        """Return the JSON body of a POST; defaults are left out."""
        single: dict[str, object] = {
            "user_id": self.user_id,
            "k": self.k or None,
            "policy": self.policy,
            "objective": self.objective,
            "revenue_weight": self.revenue_weight,
            "lat": self.lat,
            "lon": self.lon,
            "radius_km": self.radius_km,
            "delivers": self.delivers or None,
            "price_max": self.price_max,
            "open_at": self.open_at,
            "seen": self.seen,
            "max_per_cuisine": self.max_per_cuisine,
            "cursor": self.cursor,
            "explain": self.explain or None,
            "explore": None if self.explore else False,
            "request_id": self.request_id,
        }
        lists = {
            "cuisine": self.cuisines,
            "attribute": self.attributes,
            "exclude": self.exclude,
            "history": self.history,
        }
        return {
            "traffic": traffic.value,
            **{name: value for name, value in single.items() if value is not None},
            **{name: list(values) for name, values in lists.items() if values},
        }


class _Border(BaseModel):
    # A service may learn to say more; an old client goes on working.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Reason(_Border):
    """One part of a score."""

    code: str
    text: str
    contribution: FiniteFloat


class Recommended(_Border):
    """One restaurant of a list; ranks start at 1."""

    restaurant_id: str
    rank: Annotated[int, Field(ge=1)]
    score: FiniteFloat
    propensity: Annotated[float, Field(ge=0, le=1)]
    reasons: tuple[Reason, ...] | None = None


class Recommendation(_Border):
    """The body of a reply."""

    request_id: str
    model_version: str | None
    objective: str
    revenue_weight: FiniteFloat | None
    experiment: str | None
    arm: str | None
    rung: Rung
    degraded: Degraded | None
    took_ms: FiniteFloat
    filtered: dict[str, int] | None
    items: tuple[Recommended, ...]
    cursor: str | None = None
    """Of the next page of a paged list; None: there is none."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Restaurant ids, best first."""
        return tuple(item.restaurant_id for item in self.items)


@dataclass(frozen=True, slots=True)
class Reply:
    """A recommendation, and how long the client waited for it."""

    recommendation: Recommendation
    waited_ms: float


class Outcome(_Border):
    """What became of one event: only ``accepted`` and ``duplicate`` are in the log."""

    event_id: str | None
    status: Literal["accepted", "duplicate", "too_old", "rejected"]
    reason: str | None = None


class Outcomes(_Border):
    """What became of a batch, in its order."""

    results: tuple[Outcome, ...]


class Place(_Border):
    """One place where a diner was known, and when it knows nothing any more."""

    place: str
    when: str


class Erasure(_Border):
    """What was asked for, durably, and what becomes of it when."""

    event_id: str
    user: str
    asked_at: AwareDatetime
    erased_from: tuple[Place, ...]
    log_ages_out_by: AwareDatetime
    dead_letters_age_out_by: AwareDatetime
