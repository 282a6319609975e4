"""How many diners are still there when a page is shown: what slowness costs.

The presets are what vendors published about their own sites, not measurements of ours; the shape
between their points is an assumption. Nothing here waits or measures.
"""

from dataclasses import dataclass
from math import log
from typing import Protocol

import numpy as np

from maitred.errors import UsageError

__all__ = ["CURVES", "Cost", "Curve", "HalfLife", "Points", "Relative", "curve_of", "latency_cost"]


class Curve(Protocol):
    """Share of diners who stay, by how long the page took; never rises with time."""

    @property
    def name(self) -> str:
        """Name for reports."""

    @property
    def source(self) -> str:
        """Whose figure it is; reports print it beside every number that rests on it."""

    def staying(self, page_ms: float) -> float:
        """Return the share still there, 0 to 1, relative to a page that takes no time."""


@dataclass(frozen=True, slots=True)
class Relative:
    """Each relative increase of the page's time loses the same share: a power law above ``from_ms``."""

    name: str
    source: str
    increase: float
    """An increase of the time by this factor, such as 1.3 …"""
    loss: float
    """… loses this share of conversion, such as 0.005."""
    from_ms: float = 100.0
    """Below this nobody leaves: too quick to be noticed."""

    def staying(self, page_ms: float) -> float:
        """Return (page_ms / from_ms) ** log(1 - loss) / log(increase)."""
        exponent = log(1.0 - self.loss) / log(self.increase)
        return float((max(page_ms, self.from_ms) / self.from_ms) ** exponent)


@dataclass(frozen=True, slots=True)
class HalfLife:
    """Half are gone after ``half_ms``; patience wears out (Weibull), so few leave at first."""

    name: str
    source: str
    half_ms: float
    shape: float = 2.0
    """1 would be forgetful diners who leave at a constant rate."""

    def staying(self, page_ms: float) -> float:
        """Return 0.5 ** ((page_ms / half_ms) ** shape)."""
        return float(0.5 ** ((max(page_ms, 0.0) / self.half_ms) ** self.shape))


@dataclass(frozen=True, slots=True)
class Points:
    """Straight lines between measured points; flat beyond the first and the last."""

    name: str
    source: str
    page_ms: tuple[float, ...]
    share: tuple[float, ...]

    def staying(self, page_ms: float) -> float:
        """Return the interpolated share."""
        return float(np.interp(page_ms, self.page_ms, self.share))


CURVES: dict[str, Curve] = {
    "booking": Relative(
        "booking", "vendor figure (Booking.com): +30 % latency, -0.5 % conversion", 1.3, 0.005
    ),
    "google": HalfLife(
        "google", "vendor figure (Google): half of the visits are gone after 3 s of loading", 3000.0
    ),
    "none": Points("none", "nobody leaves", (0.0,), (1.0,)),
}


def curve_of(text: str) -> Curve:
    """Read a preset's name, or points of one's own such as ``0:1,1000:0.95,3000:0.5`` (ms:share).

    Raises:
        UsageError: if it is neither, or the points rise or leave [0, 1].
    """
    if text in CURVES:
        return CURVES[text]
    try:
        pairs = sorted(
            (float(ms), float(share)) for ms, share in (p.split(":") for p in text.split(","))
        )
    except ValueError as error:
        msg = (
            f"'{text}' is no abandonment curve; there are {', '.join(CURVES)}, or ms:share,ms:share"
        )
        raise UsageError(msg) from error
    shares = [share for _, share in pairs]
    if shares != sorted(shares, reverse=True) or not 0.0 <= shares[-1] <= shares[0] <= 1.0:
        msg = f"an abandonment curve falls, between 1 and 0; '{text}' does not"
        raise UsageError(msg)
    return Points(
        "custom", "points given by the caller", tuple(ms for ms, _ in pairs), tuple(shares)
    )


@dataclass(frozen=True, slots=True)
class Cost:
    """What added latency loses, by one curve."""

    curve: str
    source: str
    added_ms: float
    lost_conversion: float
    """Share of orders lost."""
    lost_orders: float
    lost_revenue: float
    """In the unit of the revenue given."""


def latency_cost(
    curve: Curve, added_ms: float, *, page_ms: float, orders: float, revenue: float
) -> Cost:
    """Return what ``added_ms`` on top of a page of ``page_ms`` would lose of orders and revenue."""
    kept = curve.staying(page_ms + added_ms) / curve.staying(page_ms)
    lost = 1.0 - kept
    return Cost(curve.name, curve.source, added_ms, lost, lost * orders, lost * revenue)
