"""Dead letters of erased diners leave their topic for good; all others stay.

The topic is written anew behind its own end, then forgotten up to there. Killed in between, letters
stand there twice, which readers know; none is lost.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

from maitred import events
from maitred.clock import Clock
from maitred.errors import InvalidEvent
from services.consumers.dead import Origin, is_mark, origin_of, read_to_end
from services.consumers.revival import write_all
from services.eventlog.port import Entry, LogReader, LogWriter, Record

__all__ = ["Purge"]

_NO_ID: Final = rb"[^0-9A-Za-z_.:@-]"
"""What may stand beside an id in bytes that are no event: u1 is not found in u12."""


class Purge:
    """Removes the letters of diners; one at a time may run. What is buried meanwhile stays."""

    def __init__(
        self,
        log: LogWriter,
        open_reader: Callable[[], LogReader],
        forget_before: Callable[[Mapping[int, int]], None],
        topic: str,
        *,
        clock: Clock,
    ) -> None:
        """``open_reader`` reads the topic from its beginning; ``forget_before`` truncates it."""
        self._log = log
        self._open_reader = open_reader
        self._forget_before = forget_before
        self._topic = topic
        self._clock = clock

    def __call__(self, user_ids: Collection[str]) -> int:
        """Remove the letters of these diners; return how many there were.

        A letter is a diner's by its key, by the event in it, or, where there is none, by the id
        standing in its bytes or headers. Repeating it changes nothing.

        Raises:
            LogUnavailable: the log did not answer; no letter is lost, and calling again ends it.
        """
        reader = self._open_reader()
        try:
            records, ends = read_to_end(reader, clock=self._clock)
        finally:
            reader.close()
        wanted = frozenset(user_ids)
        pattern = _pattern(wanted)
        gone = {origin_of(record) for record in records if _is_of(record, wanted, pattern)}
        if not gone:
            return 0
        write_all(self._log, self._topic, _kept(records, gone), clock=self._clock)
        self._forget_before(ends)
        return len(gone)


def _kept(records: Collection[Record], gone: Collection[Origin]) -> list[Entry]:
    """Return each remaining letter and mark once, in the old order."""
    kept: dict[tuple[Origin, bytes | None], Entry] = {}
    for record in records:
        origin = origin_of(record)
        if origin not in gone:
            mark = dict(record.headers).get("mark")
            entry = Entry(record.key, record.value, record.headers)
            kept.setdefault((origin, mark), entry)
    return list(kept.values())


def _is_of(record: Record, wanted: Collection[str], pattern: re.Pattern[bytes]) -> bool:
    if is_mark(record):
        return False
    if record.key in wanted:
        return True
    try:
        return events.decode(record.value).user_id in wanted
    except InvalidEvent:
        texts = (record.value, *(value for _, value in record.headers))
        return any(pattern.search(text) for text in texts)


def _pattern(wanted: Collection[str]) -> re.Pattern[bytes]:
    ids = b"|".join(re.escape(user_id.encode()) for user_id in sorted(wanted)) or rb"(?!)"
    return re.compile(rb"(?:^|" + _NO_ID + rb")(?:" + ids + rb")(?:$|" + _NO_ID + rb")")
