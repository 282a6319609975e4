"""Curves on two logarithmic axes, as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from loadtests.shapes import COLOURS, HEIGHT, MARGIN, WIDTH, curve, line, svg, text

__all__ = ["Curve", "curves"]

_RADIUS = 2.5
_KEY_WIDTH = 190


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in the order they are joined; each may carry a label."""

    name: str
    points: Sequence[tuple[float, float, str]]
    """x, y (both above 0), label."""
    dash: bool = False
    colour: int = 0


def curves(found: Sequence[Curve], *, title: str, x_unit: str, y_unit: str) -> str:
    """Return the picture; dashed curves share a colour with their whole sibling."""
    xs = [x for one in found for x, _, _ in one.points] or [1.0, 10.0]
    ys = [y for one in found for _, y, _ in one.points] or [1.0, 10.0]
    across, up = _ticks(xs), _ticks(ys)

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            MARGIN + (WIDTH - 2 * MARGIN) * _share(x, across),
            HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * _share(y, up),
        )

    shapes = []
    for tick in across:
        x, y = at(tick, up[0])
        shapes += [line(x, y, x, MARGIN), text(x, y + 18, f"{tick:,g}")]
    for tick in up:
        x, y = at(across[0], tick)
        shapes.append(line(x, y, WIDTH - MARGIN, y))
        shapes.append(text(x - 6, y + 4, f"{tick:,g}", anchor="end"))
    for one in found:
        colour = COLOURS[one.colour % len(COLOURS)]
        places = [at(x, y) for x, y, _ in one.points]
        shapes.append(curve(places, colour, dash=one.dash))
        for (x, y), (_, _, label) in zip(places, one.points, strict=True):
            shapes.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_RADIUS}" style="fill:{colour}"/>'
            )
            shapes.append(text(x, y - 6, label, size=9))
    for number, one in enumerate(reversed(found)):
        shapes += _key(number, one)
    shapes.append(text(WIDTH - MARGIN, HEIGHT - MARGIN + 36, x_unit, anchor="end"))
    shapes.append(text(MARGIN, MARGIN - 10, y_unit, anchor="start"))
    return svg(title, shapes)


def _ticks(values: Sequence[float]) -> list[float]:
    """Return 1, 2, 5, 10, … from just below the least value to just above the largest."""
    decades = range(floor(log10(min(values))), ceil(log10(max(values))) + 1)
    every = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
    first = max(tick for tick in every if tick <= min(values))
    last = min(tick for tick in every if tick >= max(values) and tick > first)
    return [tick for tick in every if first <= tick <= last]


def _share(value: float, ticks: Sequence[float]) -> float:
    return (log10(value) - log10(ticks[0])) / (log10(ticks[-1]) - log10(ticks[0]))


def _key(number: int, one: Curve) -> list[str]:
    """Name a curve in the lower right corner: much throughput at low latency leaves room."""
    x, y = WIDTH - MARGIN - _KEY_WIDTH, HEIGHT - MARGIN - 12 - 16 * number
    colour = COLOURS[one.colour % len(COLOURS)]
    return [
        line(x, y, x + 24, y, colour, dash=one.dash),
        text(x + 30, y + 4, one.name, anchor="start"),
    ]
