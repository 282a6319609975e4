"""Lists that go over the wire beside recommendations: batches, similar and popular restaurants."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from maitred.client.messages import Reason, Recommendation

__all__ = ["BatchReply", "Listed", "Popular", "Recommendations", "Similar"]


class _Border(BaseModel):
    # A service may learn to say more; an old client goes on working.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Recommendations(_Border):
    """The body of a batch's reply, in the order asked."""

    replies: tuple[Recommendation, ...]
    took_ms: FiniteFloat


@dataclass(frozen=True, slots=True)
class BatchReply:
    """One recommendation a query, in their order, and how long the client waited for all."""

    recommendations: tuple[Recommendation, ...]
    waited_ms: float


class Listed(_Border):
    """One restaurant of a list that is nobody's own."""

    restaurant_id: str
    rank: Annotated[int, Field(ge=1)]
    score: FiniteFloat
    reasons: tuple[Reason, ...] | None = None


class _List(_Border):
    model_version: str | None
    filtered: dict[str, int]
    items: tuple[Listed, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """Restaurant ids, best first."""
        return tuple(item.restaurant_id for item in self.items)


class Similar(_List):
    """What is like a restaurant; the whole part of a score says by what (docs/api.md)."""

    restaurant_id: str


class Popular(_List):
    """What all diners choose."""

    objective: str
    revenue_weight: FiniteFloat | None
