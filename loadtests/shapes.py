"""The few SVG shapes that our plots are made of, as text.

Colours are CSS variables with a fallback, so that one drawing stands alone as a file and follows
light and dark inside a page (ADR 0061).
"""

from collections.abc import Sequence
from html import escape

__all__ = [
    "COLOURS",
    "HEIGHT",
    "MARGIN",
    "WIDTH",
    "area",
    "curve",
    "legend",
    "line",
    "rect",
    "sheet",
    "svg",
    "text",
]

WIDTH, HEIGHT, MARGIN = 720, 360, 56

COLOURS = tuple(
    f"var(--c{number}, {colour})"
    for number, colour in enumerate(
        ("#1f6f8b", "#66a182", "#edae49", "#8d96a3", "#d1495b", "#5d576b"), start=1
    )
)

_INK, _PAPER, _RULE = "var(--ink, #222)", "var(--paper, #fff)", "var(--rule, #ddd)"


def svg(title: str, shapes: Sequence[str], *, height: int = HEIGHT) -> str:
    """Return a drawing with its heading."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{height}" style="fill:{_PAPER}"/>'
    )
    heading = f'<text x="{MARGIN}" y="22" font-size="15" style="fill:{_INK}">{escape(title)}</text>'
    return "\n".join([head, heading, *shapes, "</svg>", ""])


def sheet(drawings: Sequence[str]) -> str:
    """Return drawings of :func:`svg` below each other, as one."""
    parts, top = [], 0
    for drawing in drawings:
        height = int(drawing.partition(f'viewBox="0 0 {WIDTH} ')[2].partition('"')[0])
        parts.append(drawing.replace("<svg ", f'<svg y="{top}" height="{height}" ', 1))
        top += height
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}">'
    return "\n".join([head, *parts, "</svg>", ""])


def text(x: float, y: float, words: str, *, anchor: str = "middle") -> str:
    """Return words at a place."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="fill:{_INK}">'
        f"{escape(words)}</text>"
    )


def line(
    x1: float, y1: float, x2: float, y2: float, colour: str = _RULE, *, dash: bool = False
) -> str:
    """Return a straight line."""
    style = ' stroke-dasharray="4 4"' if dash else ""
    place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {place} style="stroke:{colour}"{style}/>'


def curve(points: Sequence[tuple[float, float]], colour: str) -> str:
    """Return a line through points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" style="stroke:{colour}" stroke-width="1.8"/>'


def area(points: Sequence[tuple[float, float]], colour: str) -> str:
    """Return a filled shape whose corners are the points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polygon points="{path}" style="fill:{colour}"/>'


def rect(
    x: float,
    y: float,
    width: float,
    height: float,
    colour: str,
    *,
    opacity: float = 1.0,
    tip: str = "",
) -> str:
    """Return a rectangle; ``tip`` is shown when the pointer rests on it."""
    inner = f"<title>{escape(tip)}</title>" if tip else ""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.1):.1f}" height="{max(height, 0):.1f}"'
    return f'<rect {place} style="fill:{colour};fill-opacity:{opacity:g}">{inner}</rect>'


def legend(names: Sequence[tuple[str, str]], *, y: float = 34) -> list[str]:
    """Return names with their colours, in one row from the left."""
    shapes, x = [], float(MARGIN)
    for name, colour in names:
        shapes += [rect(x, y, 10, 10, colour), text(x + 14, y + 9, name, anchor="start")]
        x += 28 + 6.6 * len(name)
    return shapes
