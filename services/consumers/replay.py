"""Diner states made anew, from what the archive and the log hold, beside those that are served.

A replay fills a space of its own: first from the archive, then from the log, on from where the archive
had read it, to its end. Only then the pointer moves, at once for everybody; the features consumer sees
it, and goes on at the offsets that lie in the new space. Whatever ends a replay before that leaves
what is served as it was.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from maitred import archive
from maitred.clock import Clock
from maitred.errors import LogUnavailable, StoreChanged, UsageError
from maitred.features import COUNTED, KINDS, News
from maitred.store.state import Spaces
from maitred.store.writer import StateWriter
from services.consumers.batch import Taken, decode
from services.consumers.features import USELESS, news_of
from services.eventlog.port import LogReader, Record

__all__ = ["Progress", "Replay", "Replayed", "Source"]

Progress = Callable[[str, int, int], None]
"""Told what is read, how much of it there is, and how much has been read."""

EVENTS_A_WRITE: Final = 100_000
"""A diner's state is read and written once for all events of so many."""
GRACE_S: Final = 3.0
"""From the switch until old states are removed: workers look for the pointer twice a second."""
PATIENCE_S: Final = 15.0
"""How long Kafka may say nothing."""
_POLL_S: Final = 0.2
_COLUMNS: Final = ["user_id", "event_id", "type", "restaurant_id", "occurred_at", "consent"]


@dataclass(frozen=True, slots=True)
class Source:
    """What to read: everything, or what the log keeps, or what occurred since a time."""

    has_archive: bool = True
    since: datetime | None = None

    @classmethod
    def named(cls, name: str) -> "Source":
        """Read ``archive``, ``log`` or a time with its offset from UTC.

        Raises:
            UsageError: it is none of them.
        """
        if name in {"archive", "log"}:
            return cls(has_archive=name == "archive")
        try:
            since = datetime.fromisoformat(name)
        except ValueError:
            since = datetime.min  # noqa: DTZ901 - refused below
        if since.tzinfo is None:
            msg = f"--from: {name!r} is neither archive, log nor a time with its offset"
            raise UsageError(msg, next_step="for example --from 2026-05-01T00:00:00+02:00")
        return cls(since=since)


@dataclass(slots=True)
class Replayed:
    """What a replay did."""

    space: int = 0
    """The space that is served now."""
    before: int = 0
    from_archive: int = 0
    from_log: int = 0
    """Events that were applied."""
    diners: int = 0
    """Diners with a state in the new space."""
    seconds: float = 0.0
    """Until the new space was served."""
    removed_keys: int = 0

    def as_dict(self) -> dict[str, object]:
        """Return it as plain JSON."""
        return {"schema": 1, "events": self.from_archive + self.from_log, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Replay:
    """Blocking, and alone: whoever runs it holds the lock. The reader is its own."""

    spaces: Spaces
    open_writer: Callable[[int], StateWriter]
    """What writes a space."""
    reader: LogReader
    folder: Path
    """The archive."""
    topic: str
    clock: Clock
    grace_s: float = GRACE_S
    patience_s: float = PATIENCE_S

    def run(self, source: Source, progress: Progress) -> Replayed:
        """Fill a new space and serve it; what is served stays when anything is raised.

        Raises:
            StoreUnavailable: Redis is away, or lost what was written there.
            LogUnavailable: Kafka is away.
            Refused: another space was served meanwhile.
        """
        began = self.clock.monotonic()
        self._reach_log()
        self.spaces.sweep()  # what a replay that was killed has left
        done = Replayed(before=self.spaces.current(), space=self.spaces.open())
        try:
            self._fill(self.open_writer(done.space), source, done, progress)
        except StoreChanged as error:
            msg = "Redis was emptied or restored while diner states were written to it"
            step = "nothing was changed; run the replay again"
            raise StoreChanged(msg, next_step=step) from error
        self.spaces.switch(done.before, done.space)
        done.seconds = round(self.clock.monotonic() - began, 3)
        self.clock.sleep(self.grace_s)
        done.removed_keys = self.spaces.sweep()
        return done

    def _fill(
        self, writer: StateWriter, source: Source, done: Replayed, progress: Progress
    ) -> None:
        writer.resume()
        archived = archive.offsets(self.folder, self.topic)  # first: what is read then knows more
        known = archive.erased(self.folder)  # Redis may have lost its own
        writer.remember_erased({name: at.timestamp() for name, at in known.items()})
        offsets: Mapping[int, int] = {}
        if source.has_archive:
            # a consumer that is behind the archive has erasures before it: none may be passed over
            served = self.spaces.reached(done.before, self.topic)
            offsets = {p: min(at, served.get(p, at)) for p, at in archived.items()}
            for news, count in self._archived(source, progress):
                done.diners += writer.write(news, {})
                done.from_archive += count
        self.reader.rewind()
        self.reader.seek(offsets)
        for news, count, reached in self._logged(source, progress):
            done.diners += writer.write(news, reached)
            done.from_log += count
        writer.keep_up()

    def _archived(
        self, source: Source, progress: Progress
    ) -> Iterator[tuple[dict[str, News], int]]:
        """Yield what the archive says of diners, a large part of it at a time."""
        from maitred.archive.scan import scan  # noqa: PLC0415 - pyarrow

        kinds, traffic = frozenset(KINDS), frozenset(map(str, COUNTED))
        total = archive.count(self.folder, traffic=traffic, kinds=kinds)
        read = count = 0
        news: dict[str, News] = {}
        found = scan(
            self.folder, columns=_COLUMNS, traffic=traffic, kinds=kinds, since=source.since
        )
        for piece in found:
            *texts, moments, consent = piece.columns
            columns = [column.to_pylist() for column in texts]
            times = moments.cast("int64").to_pylist()
            for user, event_id, kind, restaurant, at_us, agreed in zip(
                *columns, times, consent.to_pylist(), strict=True
            ):
                if agreed:
                    about = news.get(user)
                    if about is None:
                        about = news[user] = News()
                    about.happened.append([at_us / 1e6, event_id, restaurant, int(KINDS[kind])])
                    count += 1
            read += piece.num_rows
            progress("archive", max(total, read), read)
            if count >= EVENTS_A_WRITE:
                yield news, count
                news, count = {}, 0
        yield news, count

    def _logged(
        self, source: Source, progress: Progress
    ) -> Iterator[tuple[dict[str, News], int, Mapping[int, int]]]:
        """Yield what the log says of diners, from where the reader stands to the log's end.

        When it comes there it looks for the end once more: much may have been appended meanwhile.
        """
        ends, laps = self.reader.end_offsets(), 2
        total = read = count = 0
        silent_s = 0.0
        news: dict[str, News] = {}
        while laps:
            records = self.reader.poll(_POLL_S)
            count += len(news_of(_since(source, records), news))
            read += len(records)
            at = self.reader.positions()
            left = sum(max(0, end - at.get(p, 0)) for p, end in ends.items())
            total = max(total, read + left)
            progress("log", total, read)
            silent_s = 0.0 if records else silent_s + _POLL_S
            is_there = all(at.get(p, 0) >= end for p, end in ends.items())
            if is_there or count >= EVENTS_A_WRITE:
                yield news, count, at
                news, count = {}, 0
            if is_there:
                ends, laps = self.reader.end_offsets(), laps - 1
            elif silent_s > self.patience_s:
                msg = f"Kafka gave nothing for {self.patience_s:.0f} s before the log's end"
                raise LogUnavailable(msg, next_step="is it running? maitred status")

    def _reach_log(self) -> None:
        """Wait until the log answers; what is read by that is read again."""
        deadline = self.clock.monotonic() + self.patience_s
        while not self.reader.positions() and self.clock.monotonic() < deadline:
            self.reader.poll(_POLL_S)
        self.reader.end_offsets()


def _since(source: Source, records: Sequence[Record]) -> list[Taken]:
    """Return the events to apply; an erasure is, whenever it was asked for."""
    return [
        taken
        for taken in decode(records, USELESS).taken
        if source.since is None
        or taken.event.type == "erase"
        or taken.event.occurred_at >= source.since
    ]
