"""Plots that stand alone: latency curves and bars, for reports and documents."""

from collections.abc import Mapping
from math import log10

import numpy as np
from numpy.typing import NDArray

from loadtests.shapes import COLOURS, HEIGHT, MARGIN, WIDTH, curve, legend, line, rect, svg, text

__all__ = ["bars", "latency_curves"]

Floats = NDArray[np.float64]

_LIMIT = "var(--limit, #b00)"


def latency_curves(runs: Mapping[str, Floats], *, title: str, limit_ms: float) -> str:
    """Return latency (log ms) over the share of requests that were slower, a curve a run.

    The x axis is that of an HDR histogram: 90 %, 99 %, 99.9 % are equally far apart.
    """
    most = max((run.size for run in runs.values()), default=1) or 1
    decades = max(log10(most), 1.0)
    top = max([limit_ms * 1.5, *(float(run.max()) for run in runs.values() if run.size)])

    def x(share: float) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * min(-log10(max(1 - share, 1 / most)) / decades, 1)

    def y(value_ms: float) -> float:
        height = log10(max(value_ms, 0.1) / 0.1) / log10(top / 0.1)
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * height

    shapes = [
        text(x(share), HEIGHT - MARGIN + 18, f"{share * 100:g} %")
        for share in (0.0, 0.9, 0.99, 0.999, 0.9999)
        if -log10(1 - share) <= decades
    ]
    for value in (1.0, 10.0, 100.0, 1000.0):
        if value <= top:
            shapes.append(line(MARGIN, y(value), WIDTH - MARGIN, y(value)))
            shapes.append(text(MARGIN - 6, y(value) + 4, f"{value:g} ms", anchor="end"))
    shapes.append(line(x(0), y(limit_ms), x(1), y(limit_ms), _LIMIT, dash=True))
    shapes.append(text(x(1), y(limit_ms) - 6, f"{limit_ms:g} ms", anchor="end"))
    for number, run in enumerate(runs.values()):
        ascending = np.sort(run)
        ranks = np.unique(np.geomspace(1, most, 200).astype(int))
        shares = 1 - ranks[ranks <= run.size] / max(run.size, 1)
        places = np.ceil(shares * run.size).astype(int).clip(1, max(run.size, 1)) - 1
        points = [(x(s), y(float(ascending[p]))) for s, p in zip(shares, places, strict=True)]
        shapes.append(curve(points, COLOURS[number % len(COLOURS)]))
    shapes += legend([(name, COLOURS[n % len(COLOURS)]) for n, name in enumerate(runs)])
    return svg(title, shapes)


def bars(groups: Mapping[str, Mapping[str, float]], *, title: str, unit: str) -> str:
    """Return one group of bars a key, one bar an inner key, the figures above them."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    top = max((value for group in groups.values() for value in group.values()), default=1.0) or 1.0
    step = (WIDTH - 2 * MARGIN) / max(len(groups), 1)
    width = step / (len(names) + 1)
    shapes = []
    for place, (label, group) in enumerate(groups.items()):
        left = MARGIN + place * step
        shapes.append(text(left + step / 2, HEIGHT - MARGIN + 18, label))
        for name, value in group.items():
            number = names.index(name)
            height = (HEIGHT - 2 * MARGIN - 14) * value / top
            at = left + width / 2 + number * width
            colour = COLOURS[number % len(COLOURS)]
            shapes.append(rect(at, HEIGHT - MARGIN - height, width * 0.9, height, colour))
            shapes.append(text(at + width / 2, HEIGHT - MARGIN - height - 4, f"{value:,.4g}"))
    shapes += legend([(name, COLOURS[n % len(COLOURS)]) for n, name in enumerate(names)])
    shapes.append(text(WIDTH - MARGIN, 44, unit, anchor="end"))
    return svg(title, shapes)
