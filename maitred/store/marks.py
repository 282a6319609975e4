"""What a bucket's states have taken in: offsets of the log, and the hand that wrote them last.

A mark changes with every write beside which it is stored. So a writer that finds another mark than
its last one knows that Redis was emptied or restored, or that somebody else writes.
"""

from collections.abc import Mapping, Sequence

import orjson

__all__ = ["encode_mark", "reached_by_all"]


def encode_mark(topic: str, offsets: Mapping[int, int], hand: str) -> bytes:
    """Return a mark as stored; ``offsets`` say what comes next in the log, by partition."""
    return orjson.dumps(
        {"v": 1, "topic": topic, "next": {str(p): at for p, at in offsets.items()}, "hand": hand}
    )


def reached_by_all(marks: Sequence[bytes | None], topic: str) -> dict[int, int]:
    """Return what all marks have taken in of a topic: the smallest offset, by partition.

    A partition that any of them does not know has to be read from its beginning, and is left out.
    """
    known = [_offsets(raw, topic) for raw in marks]
    shared = set(known[0]).intersection(*known[1:]) if known else set[int]()
    return {partition: min(some[partition] for some in known) for partition in sorted(shared)}


def _offsets(raw: bytes | None, topic: str) -> dict[int, int]:
    """Return the offsets of a mark; one that is missing, foreign or unreadable has none."""
    try:
        body = orjson.loads(raw or b"")
        if body["v"] != 1 or body["topic"] != topic:
            return {}
        return {int(partition): int(at) for partition, at in body["next"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
