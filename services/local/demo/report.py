"""What the demo measured: the report's schema, which outside checks read."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Interval",
    "Loop",
    "Ml",
    "ModelQuality",
    "Product",
    "Report",
    "Sales",
    "Setting",
    "Simulated",
    "Slice",
    "Slower",
]

Interval = tuple[float, float, float]
"""Value, then the low and high end of its 95 % interval."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Slice(_Part):
    """Quality on restaurants that are new to the diner."""

    n: int
    hit_rate_10: Interval
    ndcg_10: Interval


class ModelQuality(_Part):
    """Quality on all held-out choices, and on the new ones."""

    hit_rate_10: Interval
    ndcg_10: Interval
    slice_new: Slice


class Ml(_Part):
    """For the ML engineers: are the recommendations good?"""

    n: int
    protocol: str
    served: str
    """Name of the row of ``models`` that is served."""
    models: dict[str, ModelQuality]


class Setting(_Part):
    """One way to rank, and what it captures off-line."""

    name: str
    revenue_weight: float | None
    captured_per_diner: Interval
    """Worth of held-out choices that the list contained, minor units a diner."""
    hit_rate_10: Interval


class Simulated(_Part):
    """Incremental revenue of one setting over ``clicks``: simulated diners, same seeds."""

    name: str
    diners: int
    revenue_per_diner: Interval
    """Minor units; the difference to ``clicks``, paired by diner."""
    orders_per_diner: Interval


class Sales(_Part):
    """For sales: does it earn more? Two kinds of money, never added."""

    currency: str
    assumed_values: bool
    settings: list[Setting]
    simulated: list[Simulated]


class Slower(_Part):
    """What added latency would cost, by a published curve; not a measurement of ours."""

    curve: str
    added_ms: float
    lost_conversion: float
    lost_revenue_share: float


class Product(_Part):
    """For product: is it fast, always?"""

    requests: int
    failures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    p999_ms: float | None
    rungs: dict[str, int]
    event_to_change_s: float
    promote_to_serving_s: float | None
    failed_during_swap: int
    slower: list[Slower]


class Comparison(_Part):
    """The retrained model against the frozen one, on the rest of the replay, paired."""

    n: int
    hit_rate_10: Interval


class Loop(_Part):
    """What went round."""

    accepted: int
    archived: int
    duplicates: int
    retrained_version: str | None
    retrained_vs_frozen: Comparison | None


class Report(_Part):
    """The whole report."""

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    data_source: Literal["entree", "synthetic"]
    commit: str
    started_at: str
    seconds: float
    ml: Ml
    sales: Sales
    product: Product
    loop: Loop
    notes: list[str] = []

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.write_text(self.model_dump_json(indent=2, by_alias=True) + "\n", encoding="utf-8")
