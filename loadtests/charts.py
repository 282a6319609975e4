"""A run over time, drawn: rungs, latency and send lag, with fault windows shaded; and the knee."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

from loadtests.reply import RUNGS
from loadtests.shapes import COLOURS, MARGIN, WIDTH, area, curve, legend, line, rect, svg, text
from loadtests.timeline import FAILED, Moment

__all__ = ["Timeline", "knee_chart", "lag_chart", "latency_chart", "rungs_chart"]

_HEIGHT = 260
_TOP, _BOTTOM = 68, _HEIGHT - 36
_LIMIT, _FAULT = "var(--limit, #b00)", "var(--fault, #d1495b)"
_WASH = "var(--wash, #dcebf0)"
_TICKS = 8
_LEAST_MS = 0.1

_BANDS = dict(zip((*RUNGS, FAILED), COLOURS, strict=False))

Windows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the charts over time are drawn from."""

    every_s: float
    """How long each moment lasts."""
    moments: Sequence[Moment]
    windows: Windows = ()
    """Fault windows with ``kind began_s ended_s note``."""

    @property
    def lasts_s(self) -> float:
        """The end of the time axis."""
        ends = [m.at_s + self.every_s for m in self.moments[-1:]]
        return max([*ends, 1.0])

    def x(self, at_s: float) -> float:
        """Return a moment's place on the time axis."""
        share = min(max(at_s / self.lasts_s, 0.0), 1.0)
        return MARGIN + (WIDTH - MARGIN - 16) * share

    def frame(self) -> list[str]:
        """Return the time axis."""
        step = _round_step(self.lasts_s / _TICKS)
        ticks = [n * step for n in range(int(self.lasts_s / step) + 1)]
        shapes = [text(self.x(at), _BOTTOM + 16, f"{at:g} s") for at in ticks]
        return [*shapes, line(MARGIN, _BOTTOM, self.x(self.lasts_s), _BOTTOM)]

    def faults(self) -> list[str]:
        """Return the fault windows, shaded over what was drawn, and their names."""
        shapes = []
        for window in self.windows:
            left, right = self.x(window["began_s"]), self.x(window["ended_s"])
            tip = f"{window['kind']}: {window['note']}"
            width = max(right - left, 2.0)
            shapes.append(rect(left, _TOP, width, _BOTTOM - _TOP, _FAULT, opacity=0.22, tip=tip))
        first = {window["kind"]: window for window in reversed(self.windows)}
        for place, (kind, window) in enumerate(reversed(first.items())):
            y = _TOP - 3 + 12 * (place % 2)
            shapes.append(text(self.x(window["began_s"]) + 2, y, kind, anchor="start"))
        return shapes


def rungs_chart(time: Timeline, title: str) -> str:
    """Return requests per second by rung, stacked: what stepped down, when, and for how long."""
    most = max((m.requests for m in time.moments), default=1)
    top = most * 1.12  # room above the bars, where shaded windows are seen
    shapes = time.frame()
    width = (time.x(time.every_s) - time.x(0.0)) * 0.96
    for moment in time.moments:
        below = 0
        tip = f"{moment.at_s:g} s: " + ", ".join(f"{n} {k}" for k, n in moment.bands.items() if n)
        for name, count in moment.bands.items():
            if count:
                high, low = (_height(n / top) for n in (below + count, below))
                shapes.append(
                    rect(time.x(moment.at_s), high, width, low - high, _BANDS[name], tip=tip)
                )
                below += count
    per_s = f"{most / time.every_s:,.0f}/s"
    seen = [(name, colour) for name, colour in _BANDS.items() if _total(time, name)]
    shapes += [text(MARGIN - 6, _height(most / top) + 4, per_s, anchor="end"), *legend(seen)]
    return svg(title, [*shapes, *time.faults()], height=_HEIGHT)


def latency_chart(time: Timeline, title: str, *, limit_ms: float) -> str:
    """Return p50, p99 and the slowest request of each moment, on a logarithmic scale."""
    top_ms = max([limit_ms * 1.5, *(m.max_ms for m in time.moments)])

    def y(value_ms: float) -> float:
        return _height(log10(max(value_ms, _LEAST_MS) / _LEAST_MS) / log10(top_ms / _LEAST_MS))

    shapes = time.frame()
    for value in (1.0, 10.0, 100.0, 1000.0):
        if value <= top_ms:
            shapes.append(line(MARGIN, y(value), time.x(time.lasts_s), y(value)))
            shapes.append(text(MARGIN - 6, y(value) + 4, f"{value:g} ms", anchor="end"))
    shapes.append(line(MARGIN, y(limit_ms), time.x(time.lasts_s), y(limit_ms), _LIMIT, dash=True))
    curves = {"p50": COLOURS[0], "p99": COLOURS[2], "slowest": COLOURS[4]}
    values = {"p50": "p50_ms", "p99": "p99_ms", "slowest": "max_ms"}
    for name, colour in curves.items():
        points = [(_middle(time, m), y(getattr(m, values[name]))) for m in time.moments]
        shapes.append(curve(points, colour))
    shapes += legend(list(curves.items()))
    return svg(title, [*shapes, *time.faults()], height=_HEIGHT)


def lag_chart(time: Timeline, title: str, *, limit_ms: float) -> str:
    """Return the generator's own lateness, and requests that were sent again."""
    top = max([limit_ms * 1.2, *(m.lag_max_ms for m in time.moments)])
    resent = max([1, *(m.resent for m in time.moments)])
    shapes = time.frame()
    for moment in time.moments:
        if moment.resent:
            high = _height(moment.resent / resent)
            width = time.x(time.every_s) - time.x(0.0)
            tip = f"{moment.at_s:g} s: {moment.resent} resent"
            shapes.append(
                rect(time.x(moment.at_s), high, width, _BOTTOM - high, COLOURS[3], tip=tip)
            )
    limit_y = _height(limit_ms / top)
    shapes.append(line(MARGIN, limit_y, time.x(time.lasts_s), limit_y, _LIMIT, dash=True))
    shapes.append(text(MARGIN - 6, limit_y + 4, f"{limit_ms:g} ms", anchor="end"))
    if top > limit_ms * 1.5:
        shapes.append(text(MARGIN - 6, _TOP + 4, f"{top:.0f} ms", anchor="end"))
    points = [(_middle(time, m), _height(m.lag_max_ms / top)) for m in time.moments]
    shapes.append(curve(points, COLOURS[0]))
    total = sum(m.resent for m in time.moments)
    shapes += legend([("send lag, slowest", COLOURS[0]), (f"resent, {total} in all", COLOURS[3])])
    return svg(title, [*shapes, *time.faults()], height=_HEIGHT)


def knee_chart(steps: Sequence[Mapping[str, Any]], title: str) -> str:
    """Return goodput over offered load: along the diagonal up to the knee, flat or falling after."""
    top = max((step["rate_per_s"] for step in steps), default=1.0)

    def x(rate: float) -> float:
        return MARGIN + (WIDTH - MARGIN - 16) * rate / top

    shapes = [
        line(MARGIN, _BOTTOM, x(top), _height(1.0), dash=True),
        line(MARGIN, _BOTTOM, x(top), _BOTTOM),
        text(x(top), _BOTTOM + 16, f"{top:,.0f}/s offered", anchor="end"),
        text(MARGIN - 6, _TOP + 10, f"{top:,.0f}/s", anchor="end"),
    ]
    points = [(x(s["rate_per_s"]), _height(s["goodput_per_s"] / top)) for s in steps]
    shapes.append(area([(MARGIN, _BOTTOM), *points, (points[-1][0], _BOTTOM)], _WASH))
    shapes.append(curve([(MARGIN, _BOTTOM), *points], COLOURS[0]))
    for step, (at, y) in zip(steps, points, strict=True):
        colour = COLOURS[1] if step["holds"] else COLOURS[4]
        said = step["why"] or "holds"
        shapes.append(rect(at - 4, y - 4, 8, 8, colour, tip=f"{step['rate_per_s']:g}/s: {said}"))
    shapes += legend(
        [
            ("goodput: personalised, in time", COLOURS[0]),
            ("holds", COLOURS[1]),
            ("does not", COLOURS[4]),
        ]
    )
    return svg(title, shapes, height=_HEIGHT)


def _height(share: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * min(max(share, 0.0), 1.0)


def _middle(time: Timeline, moment: Moment) -> float:
    return time.x(moment.at_s + time.every_s / 2)


def _total(time: Timeline, band: str) -> int:
    return sum(moment.bands[band] for moment in time.moments)


def _round_step(at_least: float) -> float:
    sizes = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800)
    return float(next((size for size in sizes if size >= at_least), 3600))
