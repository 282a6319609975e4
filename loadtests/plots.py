"""Plots as SVG text: a few shapes do not need a plotting library in the load generator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

import numpy as np
from numpy.typing import NDArray

__all__ = ["Curve", "bars", "curves", "latency_curves"]

Floats = NDArray[np.float64]

_COLOURS = ("#1f6f8b", "#d1495b", "#66a182", "#edae49", "#5d576b", "#8d96a3")
_WIDTH, _HEIGHT, _MARGIN = 720, 360, 56


def latency_curves(runs: Mapping[str, Floats], *, title: str, limit_ms: float) -> str:
    """Return latency (log ms) over the share of requests that were slower, a curve a run.

    The x axis is that of an HDR histogram: 90 %, 99 %, 99.9 % are equally far apart.
    """
    most = max((run.size for run in runs.values()), default=1) or 1
    decades = max(log10(most), 1.0)
    top = max([limit_ms * 1.5, *(float(run.max()) for run in runs.values() if run.size)])

    def x(share: float) -> float:
        return _MARGIN + (_WIDTH - 2 * _MARGIN) * min(-log10(max(1 - share, 1 / most)) / decades, 1)

    def y(value_ms: float) -> float:
        height = log10(max(value_ms, 0.1) / 0.1) / log10(top / 0.1)
        return _HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * height

    shapes = [_line(x(0), y(limit_ms), x(1), y(limit_ms), "#b00", dash=True)]
    shapes.append(_text(x(1), y(limit_ms) - 6, f"{limit_ms:g} ms", anchor="end"))
    shapes += [
        _text(x(share), _HEIGHT - _MARGIN + 18, f"{share * 100:g} %")
        for share in (0.0, 0.9, 0.99, 0.999, 0.9999)
        if -log10(1 - share) <= decades
    ]
    for value in (1.0, 10.0, 100.0, 1000.0):
        if value <= top:
            shapes.append(_line(_MARGIN, y(value), _WIDTH - _MARGIN, y(value), "#ddd"))
            shapes.append(_text(_MARGIN - 6, y(value) + 4, f"{value:g} ms", anchor="end"))
    for number, (name, run) in enumerate(runs.items()):
        ascending = np.sort(run)
        ranks = np.unique(np.geomspace(1, most, 200).astype(int))
        shares = 1 - ranks[ranks <= run.size] / max(run.size, 1)
        places = np.ceil(shares * run.size).astype(int).clip(1, max(run.size, 1)) - 1
        points = [(x(s), y(float(ascending[p]))) for s, p in zip(shares, places, strict=True)]
        shapes.append(_curve(points, _COLOURS[number % len(_COLOURS)]))
        shapes.append(_legend(number, name))
    return _svg(title, shapes)


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in the order they are joined; each may carry a label."""

    name: str
    points: Sequence[tuple[float, float, str]]
    """x, y (both above 0), label."""
    dash: bool = False
    colour: int = 0


def curves(lines: Sequence[Curve], *, title: str, x_unit: str, y_unit: str) -> str:
    """Return curves on two logarithmic axes; dashed ones share a colour with their whole sibling."""
    xs = [x for line in lines for x, _, _ in line.points] or [1.0, 10.0]
    ys = [y for line in lines for _, y, _ in line.points] or [1.0, 10.0]
    across, up = _ticks(xs), _ticks(ys)

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            _MARGIN + (_WIDTH - 2 * _MARGIN) * _share(x, across),
            _HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * _share(y, up),
        )

    shapes = []
    for tick in across:
        x, y = at(tick, up[0])
        shapes += [_line(x, y, x, _MARGIN, "#ddd"), _text(x, y + 18, f"{tick:,g}")]
    for tick in up:
        x, y = at(across[0], tick)
        shapes.append(_line(x, y, _WIDTH - _MARGIN, y, "#ddd"))
        shapes.append(_text(x - 6, y + 4, f"{tick:,g}", anchor="end"))
    for line in lines:
        colour = _COLOURS[line.colour % len(_COLOURS)]
        places = [at(x, y) for x, y, _ in line.points]
        shapes.append(_curve(places, colour, dash=line.dash))
        for (x, y), (_, _, label) in zip(places, line.points, strict=True):
            shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>')
            shapes.append(_text(x, y - 6, label, size=9))
    shapes += [_key(number, line) for number, line in enumerate(lines)]
    shapes.append(_text(_WIDTH - _MARGIN, _HEIGHT - _MARGIN + 36, x_unit, anchor="end"))
    shapes.append(_text(_MARGIN, _MARGIN - 10, y_unit, anchor="start"))
    return _svg(title, shapes)


def _ticks(values: Sequence[float]) -> list[float]:
    """Return 1, 2, 5, 10, … from just below the least value to just above the largest."""
    decades = range(floor(log10(min(values))), ceil(log10(max(values))) + 1)
    every = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
    first = max(tick for tick in every if tick <= min(values))
    last = min(tick for tick in every if tick >= max(values) and tick > first)
    return [tick for tick in every if first <= tick <= last]


def _share(value: float, ticks: Sequence[float]) -> float:
    return (log10(value) - log10(ticks[0])) / (log10(ticks[-1]) - log10(ticks[0]))


def _key(number: int, line: Curve) -> str:
    """Name a curve in the upper left corner, where low throughput leaves room."""
    x, y = _MARGIN + 12, _MARGIN + 12 + 16 * number
    colour = _COLOURS[line.colour % len(_COLOURS)]
    stroke = _line(x, y, x + 24, y, colour, dash=line.dash)
    return stroke + _text(x + 30, y + 4, line.name, anchor="start")


def bars(groups: Mapping[str, Mapping[str, float]], *, title: str, unit: str) -> str:
    """Return one group of bars a key, one bar an inner key, the figures above them."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    top = max((value for group in groups.values() for value in group.values()), default=1.0) or 1.0
    step = (_WIDTH - 2 * _MARGIN) / max(len(groups), 1)
    width = step / (len(names) + 1)
    shapes = []
    for place, (label, group) in enumerate(groups.items()):
        left = _MARGIN + place * step
        shapes.append(_text(left + step / 2, _HEIGHT - _MARGIN + 18, label))
        for name, value in group.items():
            number = names.index(name)
            height = (_HEIGHT - 2 * _MARGIN) * value / top
            at = left + width / 2 + number * width
            shapes.append(
                f'<rect x="{at:.1f}" y="{_HEIGHT - _MARGIN - height:.1f}" width="{width * 0.9:.1f}" '
                f'height="{height:.1f}" fill="{_COLOURS[number % len(_COLOURS)]}"/>'
            )
            shapes.append(_text(at + width / 2, _HEIGHT - _MARGIN - height - 4, f"{value:,.4g}"))
    shapes += [_legend(number, name) for number, name in enumerate(names)]
    shapes.append(_text(_MARGIN, _MARGIN - 12, unit, anchor="start"))
    return _svg(title, shapes)


def _svg(title: str, shapes: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>'
    )
    heading = f'<text x="{_MARGIN}" y="22" font-size="15">{escape(title)}</text>'
    return "\n".join([head, heading, *shapes, "</svg>", ""])


def _text(x: float, y: float, text: str, *, anchor: str = "middle", size: int = 12) -> str:
    smaller = "" if size == 12 else f' font-size="{size}"'  # noqa: PLR2004  # the picture's own
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{smaller}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dash: bool = False) -> str:
    style = ' stroke-dasharray="4 4"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{style}/>'
    )


def _curve(points: Sequence[tuple[float, float]], colour: str, *, dash: bool = False) -> str:
    style = ' stroke-dasharray="5 4"' if dash else ""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{style}/>'


def _legend(number: int, name: str) -> str:
    y = 40 + 16 * number
    colour = _COLOURS[number % len(_COLOURS)]
    square = f'<rect x="{_WIDTH - 190}" y="{y}" width="10" height="10" fill="{colour}"/>'
    return square + _text(_WIDTH - 174, y + 9, name, anchor="start")
