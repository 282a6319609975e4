"""Lists for diners nobody knows yet: area x daypart x cuisine, each falling back to a wider one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from maitred.catalogue import Ints

__all__ = ["ANY", "Segment", "daypart", "key", "segment_keys"]

ANY = "*"
_DAYPARTS = ((5, "night"), (11, "morning"), (15, "lunch"), (18, "afternoon"), (23, "dinner"))


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One list: restaurant indices, best first, with log shares of the segment's choices."""

    items: Ints
    scores: NDArray[np.float32]


def daypart(local: datetime) -> str:
    """Return the part of the day of a local time; the night runs from 23:00 to 5:00."""
    return next((name for end, name in _DAYPARTS if local.hour < end), "night")


def key(area: str, part: str, cuisine: str) -> str:
    """Return the name of a segment; ``*`` stands for any."""
    return f"{area}|{part}|{cuisine}"


def segment_keys(area: str, part: str, cuisine: str | None) -> Iterator[str]:
    """Yield the segments that fit, narrowest first; the cuisine is kept longest.

    Cuisine is what the diner asked for; the area says more about what is near than the hour does.
    """
    cuisines = (cuisine, ANY) if cuisine else (ANY,)
    tried = set()
    for c in cuisines:
        for a, p in ((area, part), (area, ANY), (ANY, part), (ANY, ANY)):
            name = key(a, p, c)
            if name not in tried:
                tried.add(name)
                yield name
