"""Dead letters: records that no consumer could use, kept with the reason and where they come from.

Beside the letters the topic holds marks, which say what became of one: ``trying`` before a letter is
put back, with the ends of the log at that moment, and ``retried`` after it. Marks may repeat and may
stand anywhere, so copying the topic in any order loses nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, Literal

import orjson

from maitred.clock import Clock
from maitred.errors import LogUnavailable
from services.eventlog.port import Headers, LogReader, LogWriter, Record

__all__ = [
    "DeadLetter",
    "DeadLetters",
    "Origin",
    "Register",
    "is_mark",
    "mark_of",
    "origin_of",
    "read_all",
    "read_register",
    "read_to_end",
    "register_of",
]

_WITHIN_S: Final = 5.0
_OWN: Final = "header."
"""What a record's own headers are called in its letter, so that they cannot be taken for ours."""
RETRIED: Final = "retried"
"""Header of a record that was put back: how often, as digits."""
_MARK: Final = "mark"

Origin = tuple[str, int, int]
"""Topic, partition and offset where a record stood."""
State = Literal["waiting", "retried"]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was set aside."""

    reason: str
    consumer: str
    topic: str
    partition: int
    offset: int
    """Where it stood in the log."""
    key: str
    value: bytes
    headers: Headers = ()
    """What it carried of its own."""
    retries: int = 0
    """How often it had been put back before it failed this time."""
    state: State = "waiting"
    """``retried``: it was put back; if it failed again, there is a letter of its own for that."""

    @property
    def name(self) -> str:
        """The name by which ``maitred events dead show`` finds it: partition-offset."""
        return f"{self.partition}-{self.offset}"

    @property
    def origin(self) -> Origin:
        """Where it stood, whole."""
        return self.topic, self.partition, self.offset


@dataclass(frozen=True, slots=True)
class Register:
    """All that the topic of dead letters says: each letter once, oldest first."""

    letters: Sequence[DeadLetter]
    tries: Mapping[Origin, Mapping[int, int]] = field(default_factory=dict)
    """Letters whose return was begun: where the log ended then, by partition."""


class DeadLetters:
    """Buries records in the topic of dead letters."""

    def __init__(self, log: LogWriter, topic: str, consumer: str) -> None:
        self._log = log
        self._topic = topic
        self._consumer = consumer

    def bury(self, letters: Sequence[tuple[Record, str]]) -> None:
        """Keep these records, each with its reason; on return they are in the log.

        Burying one again after a failure repeats it there; its origin tells.

        Raises:
            LogUnavailable: not all of them were acknowledged in time.
        """
        futures: list[Future[None]] = []
        for record, reason in letters:
            headers = (
                ("reason", reason.encode(errors="replace")),
                *_origin_headers((record.topic, record.partition, record.offset)),
                ("consumer", self._consumer.encode()),
                *((_OWN + name, value) for name, value in record.headers),
            )
            futures.append(self._log.append(self._topic, record.key, record.value, headers))
        try:
            for future in futures:
                future.result(_WITHIN_S)
        except (LogUnavailable, TimeoutError) as error:
            self._log.reset()
            msg = "dead letters were not acknowledged"
            raise LogUnavailable(msg) from error


def read_to_end(
    reader: LogReader, *, clock: Clock, within_s: float = 10.0
) -> tuple[list[Record], dict[int, int]]:
    """Return all records from where the reader stands to the topic's end, and where that is.

    Raises:
        LogUnavailable: the log did not answer in time.
    """
    deadline = clock.monotonic() + within_s
    found = list(reader.poll(0.2))
    while not reader.positions() and clock.monotonic() < deadline:
        found += reader.poll(0.2)
    ends = dict(reader.end_offsets())
    while any(reader.positions().get(p, 0) < end for p, end in ends.items()):
        if clock.monotonic() > deadline:
            msg = f"the log was not read to its end within {within_s:g} s"
            raise LogUnavailable(msg, next_step="is it running? maitred status")
        found += reader.poll(0.2)
    return [record for record in found if record.offset < ends.get(record.partition, 0)], ends


def read_register(reader: LogReader, *, clock: Clock, within_s: float = 10.0) -> Register:
    """Return what the topic of dead letters says.

    Raises:
        LogUnavailable: the log did not answer in time.
    """
    return register_of(read_to_end(reader, clock=clock, within_s=within_s)[0])


def read_all(reader: LogReader, *, clock: Clock, within_s: float = 10.0) -> Iterator[DeadLetter]:
    """Yield every dead letter once, whatever became of it, oldest first.

    Raises:
        LogUnavailable: the log did not answer in time.
    """
    yield from read_register(reader, clock=clock, within_s=within_s).letters


def register_of(records: Sequence[Record]) -> Register:
    """Tell letters from marks; what stands there twice counts once."""
    letters: dict[Origin, Record] = {}
    tries: dict[Origin, dict[int, int]] = {}
    retried: set[Origin] = set()
    for record in records:
        mark = _headers(record).get(_MARK)
        origin = origin_of(record)
        if mark is None:
            letters.setdefault(origin, record)
        elif mark == "retried":
            retried.add(origin)
        else:
            ends = {int(p): int(end) for p, end in orjson.loads(record.value).items()}
            before = tries.setdefault(origin, ends)
            before.update({p: min(end, before.get(p, end)) for p, end in ends.items()})
    return Register(
        [_letter(record, is_retried=origin in retried) for origin, record in letters.items()],
        {origin: ends for origin, ends in tries.items() if origin not in retried},
    )


def is_mark(record: Record) -> bool:
    """Tell whether a record of the topic is a mark, which holds nothing of a diner."""
    return _MARK in _headers(record)


def mark_of(
    origin: Origin, kind: Literal["trying", "retried"], ends: Mapping[int, int]
) -> tuple[bytes, Headers]:
    """Return value and headers of a mark."""
    value = orjson.dumps({str(partition): end for partition, end in ends.items()})
    return value, ((_MARK, kind.encode()), *_origin_headers(origin))


def origin_of(record: Record) -> Origin:
    """Return which record a letter or mark is about; one that does not say is about itself."""
    headers = _headers(record)
    try:
        return headers["topic"], int(headers["partition"]), int(headers["offset"])
    except (KeyError, ValueError):
        return record.topic, record.partition, record.offset


def _origin_headers(origin: Origin) -> Headers:
    topic, partition, offset = origin
    return (
        ("topic", topic.encode()),
        ("partition", str(partition).encode()),
        ("offset", str(offset).encode()),
    )


def _headers(record: Record) -> dict[str, str]:
    return {name: value.decode(errors="replace") for name, value in record.headers}


def _letter(record: Record, *, is_retried: bool) -> DeadLetter:
    headers = _headers(record)
    topic, partition, offset = origin_of(record)
    retries = headers.get(_OWN + RETRIED, "0")
    return DeadLetter(
        reason=headers.get("reason", "unknown"),
        consumer=headers.get("consumer", "unknown"),
        topic=topic,
        partition=partition,
        offset=offset,
        key=record.key,
        value=record.value,
        headers=tuple((n.removeprefix(_OWN), v) for n, v in record.headers if n.startswith(_OWN)),
        retries=int(retries) if retries.isdigit() else 0,
        state="retried" if is_retried else "waiting",
    )
