"""Dead letters go back into the log of events: each once, whatever dies in between.

Before a letter is put back, a mark in the topic of dead letters says where the log ended; after it,
another says that it is there. Who finds the first mark alone looks, from there on, whether the
letter had arrived. So one that is no event, whose id nobody can read, is not put back twice either.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from maitred.clock import Clock
from maitred.errors import LogUnavailable
from services.consumers.dead import (
    RETRIED,
    DeadLetter,
    Origin,
    Register,
    mark_of,
    read_register,
    read_to_end,
)
from services.eventlog.port import Entry, Headers, LogReader, LogWriter
from services.eventlog.topics import Topics

__all__ = ["ORIGIN", "Revival", "write_all"]

ORIGIN: Final = "letter"
"""Header of a record that was put back: the letter's topic, partition and offset."""
_AT_A_TIME: Final = 500
_WITHIN_S: Final = 10.0
_PAUSE_S: Final = 0.1


class Revival:
    """Puts letters back. One at a time may run: its caller holds a lock."""

    def __init__(
        self,
        log: LogWriter,
        topics: Topics,
        open_reader: Callable[[str], LogReader],
        *,
        clock: Clock,
    ) -> None:
        """``open_reader`` gives a reader of a topic, from its beginning; it is closed here."""
        self._log = log
        self._topics = topics
        self._open_reader = open_reader
        self._clock = clock

    def register(self) -> Register:
        """Return what the topic of dead letters says now.

        Raises:
            LogUnavailable: the log did not answer.
        """
        reader = self._open_reader(self._topics.dead.name)
        try:
            return read_register(reader, clock=self._clock)
        finally:
            reader.close()

    def put_back(self, letters: Sequence[DeadLetter], register: Register) -> int:
        """Put letters back with key, value and headers of their own; return how many were.

        Those that are back already are passed over. After a failure call it again with a fresh
        register: what was done is found.

        Raises:
            LogUnavailable: the log did not take or give something in time.
        """
        waiting = [letter for letter in letters if letter.state == "waiting"]
        for at in range(0, len(waiting), _AT_A_TIME):
            self._put_some_back(waiting[at : at + _AT_A_TIME], register)
        return len(waiting)

    def _put_some_back(self, letters: Sequence[DeadLetter], register: Register) -> None:
        dead, events = self._topics.dead.name, self._topics.events.name
        arrived = self._arrived(letters, register)
        missing = [letter for letter in letters if letter.origin not in arrived]
        if missing:
            ends = self._ends()
            self._write(dead, [_entry(mark_of(x.origin, "trying", ends)) for x in missing])
            self._write(events, [Entry(x.key, x.value, _headers(x)) for x in missing])
        self._write(dead, [_entry(mark_of(x.origin, "retried", {})) for x in letters])

    def _arrived(self, letters: Sequence[DeadLetter], register: Register) -> set[Origin]:
        """Return those whose return was begun and did reach the log."""
        begun = {x.origin: register.tries[x.origin] for x in letters if x.origin in register.tries}
        if not begun:
            return set()
        starts: dict[int, int] = {}
        for ends in begun.values():
            starts.update({p: min(end, starts.get(p, end)) for p, end in ends.items()})
        reader = self._open_reader(self._topics.events.name)
        try:
            reader.seek(starts)
            records, _ = read_to_end(reader, clock=self._clock, within_s=60.0)
        finally:
            reader.close()
        named = {dict(record.headers).get(ORIGIN, b"") for record in records}
        return {origin for origin in begun if _name(origin) in named}

    def _ends(self) -> Mapping[int, int]:
        """Return where the log of events ends now."""
        reader = self._open_reader(self._topics.events.name)
        deadline = self._clock.monotonic() + _WITHIN_S
        try:
            while not reader.positions():
                if self._clock.monotonic() > deadline:
                    msg = f"topic {self._topics.events.name} was not found in time"
                    raise LogUnavailable(msg, next_step="is it running? maitred status")
                reader.poll(0.0)
            return reader.end_offsets()
        finally:
            reader.close()

    def _write(self, topic: str, entries: Sequence[Entry]) -> None:
        write_all(self._log, topic, entries, clock=self._clock)


def write_all(log: LogWriter, topic: str, entries: Sequence[Entry], *, clock: Clock) -> None:
    """Append records and wait until the log holds all of them; a log that just woke is waited for.

    Raises:
        LogUnavailable: not all of them are known to be there.
    """
    deadline = clock.monotonic() + _WITHIN_S
    futures = []
    for entry in entries:
        while True:
            try:
                futures.append(log.append(topic, entry.key, entry.value, entry.headers))
                break
            except LogUnavailable:
                if clock.monotonic() > deadline:
                    raise
                clock.sleep(_PAUSE_S)
    try:
        for future in futures:
            future.result(_WITHIN_S)
    except TimeoutError as error:
        msg = f"{topic} did not acknowledge all of {len(entries)} records"
        raise LogUnavailable(msg, next_step="run it again: what was done is found") from error


def _entry(mark: tuple[bytes, Headers]) -> Entry:
    value, headers = mark
    return Entry("", value, headers)


def _headers(letter: DeadLetter) -> Headers:
    own = tuple((n, v) for n, v in letter.headers if n not in {RETRIED, ORIGIN})
    return (*own, (RETRIED, str(letter.retries + 1).encode()), (ORIGIN, _name(letter.origin)))


def _name(origin: Origin) -> bytes:
    topic, partition, offset = origin
    return f"{topic}/{partition}-{offset}".encode()
