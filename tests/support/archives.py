"""Archives for tests, written by the archiver's own hand."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from maitred import events
from maitred.archive.rows import Arrival
from maitred.archive.writer import ArchiveWriter, open_writer
from maitred.clock import Clock, ManualClock

KEY = "a key for tombstones"
MOMENT = "2026-05-01T20:00:00+00:00"


def wire(kind: str, event_id: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    event = {"type": kind, "event_id": event_id, "user_id": "u1", "occurred_at": MOMENT}
    return event | {"restaurant_id": "r1"} | fields


def order(event_id: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    amounts = {"order_id": event_id, "basket_minor": 2000, "currency": "USD"}
    return wire("order", event_id, **(amounts | fields))


def erase(event_id: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    event = wire("erase", event_id, **fields)
    del event["restaurant_id"]
    return event


def arrivals(records: Iterable[dict[str, Any]], first: int = 0) -> list[Arrival]:
    parsed = (events.parse(record, from_client=False) for record in records)
    return [Arrival.of(event, 0, offset) for offset, event in enumerate(parsed, first)]


def flush(writer: ArchiveWriter, records: Iterable[dict[str, Any]]) -> None:
    first = writer.resume_at().get(0, 0)
    some = arrivals(records, first)
    writer.flush(writer.sort(some), {0: first + len(some)})


def archive_of(folder: Path, *records: dict[str, Any], clock: Clock | None = None) -> Path:
    """Add the events to the archive in one flush; return its folder."""
    with writing(folder, clock) as writer:
        flush(writer, records)
    return folder


def writing(
    folder: Path, clock: Clock | None = None, topic: str = "t"
) -> AbstractContextManager[ArchiveWriter]:
    """Open the archive's writer as the archiver does."""
    return open_writer(folder, topic, clock=clock or ManualClock(), dedup_days=7, erasure_key=KEY)
