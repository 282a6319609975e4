"""Dead letters: records that cannot be archived, kept with the reason and where they come from."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from maitred.clock import Clock
from maitred.errors import LogUnavailable
from services.eventlog.port import LogReader, LogWriter, Record

__all__ = ["DeadLetter", "DeadLetters", "read_all"]

_WITHIN_S = 5.0


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

    @property
    def name(self) -> str:
        """The name by which ``maitred events dead show`` finds it: partition-offset."""
        return f"{self.partition}-{self.offset}"


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
                ("reason", reason.encode()),
                ("topic", record.topic.encode()),
                ("partition", str(record.partition).encode()),
                ("offset", str(record.offset).encode()),
                ("consumer", self._consumer.encode()),
            )
            futures.append(self._log.append(self._topic, record.key, record.value, headers))
        try:
            for future in futures:
                future.result(_WITHIN_S)
        except (LogUnavailable, TimeoutError) as error:
            self._log.reset()
            msg = "dead letters were not acknowledged"
            raise LogUnavailable(msg) from error


def read_all(reader: LogReader, *, clock: Clock, within_s: float = 10.0) -> Iterator[DeadLetter]:
    """Yield every dead letter once, oldest first, and end at the topic's end.

    Raises:
        LogUnavailable: the log did not answer in time.
    """
    deadline = clock.monotonic() + within_s
    found = list(reader.poll(0.2))
    while not reader.positions() and clock.monotonic() < deadline:
        found += reader.poll(0.2)
    ends = reader.end_offsets()
    while any(reader.positions().get(p, 0) < end for p, end in ends.items()):
        if clock.monotonic() > deadline:
            msg = "the log of dead letters was not read to its end in time"
            raise LogUnavailable(msg)
        found += reader.poll(0.2)
    seen: set[tuple[str, int, int]] = set()
    for record in found:
        letter = _letter(record)
        if (origin := (letter.topic, letter.partition, letter.offset)) not in seen:
            seen.add(origin)
            yield letter


def _letter(record: Record) -> DeadLetter:
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    return DeadLetter(
        reason=headers.get("reason", "unknown"),
        consumer=headers.get("consumer", "unknown"),
        topic=headers.get("topic", record.topic),
        partition=int(headers.get("partition", record.partition)),
        offset=int(headers.get("offset", record.offset)),
        key=record.key,
        value=record.value,
    )
