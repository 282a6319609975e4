"""Apache Kafka as the log. Its client is known here and in ``admin.py`` only, and its errors end there.

The client's traps are known and met here: the producer never blocks for metadata, what is
unacknowledged is bounded, deliveries do not expire (an expired one would kill the idempotent
producer for good), and a producer that hangs is thrown away and made anew by :meth:`reset`.
"""

import contextlib
import logging
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import Any

from maitred.clock import Clock
from maitred.errors import LogUnavailable
from services.eventlog.admin import CALL_MS, TopicKeeper, ensure_topics, translated
from services.eventlog.port import Headers, Record
from services.eventlog.topics import Topics
from services.eventlog.tuning import consumer_settings, producer_settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # importlib.resources, inside the client
    import kafka
    import kafka.errors

__all__ = ["KafkaLogReader", "KafkaLogWriter", "ensure_topics"]

_LOG = logging.getLogger(__name__)
_KEYS = "surrogateescape"
"""Keys that are no UTF-8 are foreign; they go back as they came."""


class KafkaLogWriter:
    """An idempotent producer that can be thrown away; see :class:`services.eventlog.port.LogWriter`.

    Creates missing topics in the background as soon as Kafka can be reached, and looks again whenever
    a record was refused: one that somebody deleted comes back, empty. ``linger_ms``: how long a
    record waits for company, with which it compresses better and costs less.
    """

    def __init__(
        self,
        bootstrap: Sequence[str],
        topics: Topics,
        *,
        clock: Clock,
        max_unacknowledged: int = 20_000,
        linger_ms: int = 5,
    ) -> None:
        self._clock = clock
        self._max_unacknowledged = max_unacknowledged
        self._settings = producer_settings(bootstrap, linger_ms)
        self._unacknowledged: set[Future[None]] = set()
        self._producer: Any = None
        self._keeper = TopicKeeper(bootstrap, topics)

    def append(self, topic: str, key: str, value: bytes, headers: Headers = ()) -> "Future[None]":
        """See :class:`~services.eventlog.port.LogWriter`; one caller at a time."""
        if len(self._unacknowledged) >= self._max_unacknowledged:
            msg = f"{self._max_unacknowledged} records wait for Kafka's acknowledgement"
            raise LogUnavailable(msg)
        try:
            with translated:
                self._producer = self._producer or kafka.KafkaProducer(**self._settings)
                sent = self._producer.send(
                    topic, value, key.encode(errors=_KEYS), headers=list(headers)
                )
        except LogUnavailable:
            self._keeper.look()
            raise
        future: Future[None] = Future()
        self._unacknowledged.add(future)
        sent.add_callback(self._acknowledge, future)
        sent.add_errback(self._fail, future)
        return future

    def reset(self) -> None:
        """See :class:`~services.eventlog.port.LogWriter`."""
        producer, self._producer = self._producer, None
        self._keeper.look()
        if producer is not None:
            self._end(producer, within_s=0.0)
        for future in tuple(self._unacknowledged):
            self._fail(future, LogUnavailable("given up before Kafka acknowledged it"))

    def close(self, within_s: float) -> None:
        """See :class:`~services.eventlog.port.LogWriter`."""
        self._keeper.close()
        producer, self._producer = self._producer, None
        if producer is not None:
            self._end(producer, within_s)
        self.reset()

    def _end(self, producer: Any, within_s: float) -> None:  # noqa: ANN401 - the client has no types
        """Close in steps: its own close raises from the flush and then leaves its thread running."""
        try:
            producer.close(timeout=within_s)
        except kafka.errors.KafkaError:
            sender = producer._sender  # noqa: SLF001 - no public way to end it
            sender.force_close()
            sender.join(timeout=1.0)

    def _acknowledge(self, future: "Future[None]", _: object) -> None:
        self._unacknowledged.discard(future)
        with contextlib.suppress(InvalidStateError):
            future.set_result(None)

    def _fail(self, future: "Future[None]", reason: object) -> None:
        self._unacknowledged.discard(future)
        error = LogUnavailable(f"Kafka did not take a record: {reason}")
        with contextlib.suppress(InvalidStateError):
            future.set_exception(error)


class KafkaLogReader:
    """All partitions of one topic, without a group's rebalancing; offsets kept under ``name``.

    See :class:`services.eventlog.port.LogReader`. Connects when polled, again and again. Costs the
    less, the longer the broker may collect records before it answers (``gather_ms``).
    """

    def __init__(
        self,
        bootstrap: Sequence[str],
        topics: Topics,
        topic: str,
        name: str,
        *,
        clock: Clock,
        gather_ms: int = 10,
    ) -> None:
        self._bootstrap = bootstrap
        self._topics = topics
        self._topic = topic
        self._settings = consumer_settings(bootstrap, name, gather_ms)
        self._clock = clock
        self._consumer: Any = None
        self._numbers: list[int] = []
        self._wanted: dict[int, int] = {}
        self._positions: dict[int, int] = {}
        self._is_rewound = False
        self._error: LogUnavailable | None = None
        self._topic_id: object = None

    def poll(self, wait_s: float) -> Sequence[Record]:
        """See :class:`~services.eventlog.port.LogReader`."""
        try:
            if self._consumer is None:
                self._connect()
            if self._wanted:
                self._apply_seeks()
        except LogUnavailable as error:
            self._say(error)
            self._clock.sleep(min(wait_s, 0.5))
            return ()
        with translated:
            batches = self._consumer.poll(timeout_ms=int(wait_s * 1000))
        if self._is_another_topic():
            self._begin_anew()
            return ()
        records = [self._record(raw) for batch in batches.values() for raw in batch]
        for record in records:
            self._positions[record.partition] = record.offset + 1
        return records

    def seek(self, offsets: Mapping[int, int]) -> None:
        """See :class:`~services.eventlog.port.LogReader`."""
        self._wanted.update(offsets)
        self._positions = {p: at for p, at in self._positions.items() if p not in offsets}

    def rewind(self) -> None:
        """See :class:`~services.eventlog.port.LogReader`."""
        self._is_rewound = True
        self._positions = {}
        self._wanted = dict.fromkeys(self._numbers, 0)

    def commit(self, offsets: Mapping[int, int]) -> None:
        """See :class:`~services.eventlog.port.LogReader`."""
        consumer = self._require_consumer()
        marks = {
            self._partition(number): kafka.OffsetAndMetadata(offset, "", -1)
            for number, offset in offsets.items()
        }
        with translated:
            consumer.commit(marks, timeout_ms=CALL_MS)

    def positions(self) -> Mapping[int, int]:
        """See :class:`~services.eventlog.port.LogReader`."""
        return dict(self._positions)

    def end_offsets(self) -> Mapping[int, int]:
        """See :class:`~services.eventlog.port.LogReader`."""
        consumer = self._require_consumer()
        with translated:
            ends = consumer.end_offsets(list(consumer.assignment()), timeout_ms=CALL_MS)
        return {partition.partition: int(offset) for partition, offset in ends.items()}

    def close(self) -> None:
        """See :class:`~services.eventlog.port.LogReader`."""
        if self._consumer is not None:
            with contextlib.suppress(LogUnavailable), translated:
                self._consumer.close(autocommit=False, timeout_ms=CALL_MS)
            self._consumer = None

    def _connect(self) -> None:
        ensure_topics(self._bootstrap, self._topics)
        with translated, contextlib.ExitStack() as undo:
            consumer = kafka.KafkaConsumer(**self._settings)
            undo.callback(consumer.close, autocommit=False, timeout_ms=CALL_MS)
            self._wanted = self._starts(consumer) | self._wanted
            undo.pop_all()
        self._consumer = consumer

    def _is_another_topic(self) -> bool:
        """Tell whether the topic's name means another topic now than when we connected."""
        now = self._consumer._client.cluster.topic_id(self._topic)  # noqa: SLF001 - not told otherwise
        if self._topic_id is None:
            self._topic_id = now
        return now is not None and now != self._topic_id

    def _begin_anew(self) -> None:
        """Read the topic from its beginning: offsets of the one that was deleted mean nothing in it."""
        _LOG.error("topic %s was deleted and made anew: it is read from its beginning", self._topic)
        self.close()
        self._topic_id = None
        self._positions = {}
        self._wanted = dict.fromkeys(self._numbers, 0)

    def _say(self, error: LogUnavailable) -> None:
        """Tell the log why there is no connection, once a reason."""
        known, self._error = self._error, error
        if str(error) != str(known):
            _LOG.warning("%s; %s", error, error.next_step)

    def _starts(self, consumer: Any) -> dict[int, int]:  # noqa: ANN401 - the client has no types
        """Assign all partitions, and return what was committed for each, or 0."""
        self._numbers = sorted(consumer.partitions_for_topic(self._topic))
        if not self._numbers:
            msg = f"topic {self._topic} has no partitions yet"
            raise LogUnavailable(msg)
        partitions = [self._partition(number) for number in self._numbers]
        consumer.assign(partitions)
        if self._is_rewound:
            return dict.fromkeys(self._numbers, 0)
        return {p.partition: consumer.committed(p, timeout_ms=CALL_MS) or 0 for p in partitions}

    def _apply_seeks(self) -> None:
        """Go where it was asked for; what the log does not hold any more, or not yet, means its oldest."""
        known = {p.partition: p for p in self._consumer.assignment()}
        with translated:
            oldest = self._consumer.beginning_offsets([*known.values()], timeout_ms=CALL_MS)
            ends = self._consumer.end_offsets([*known.values()], timeout_ms=CALL_MS)
        wanted, self._wanted = self._wanted, {}
        for number in known.keys() & wanted.keys():
            partition, offset = known[number], wanted[number]
            if not oldest[partition] <= offset <= ends[partition]:
                offset = int(oldest[partition])
            self._consumer.seek(partition, offset)
            self._positions[number] = offset

    def _partition(self, number: int) -> Any:  # noqa: ANN401 - the client has no types
        return kafka.TopicPartition(self._topic, number)

    def _require_consumer(self) -> Any:  # noqa: ANN401 - the client has no types
        if self._consumer is None:
            if self._error is not None:
                raise LogUnavailable(str(self._error), next_step=self._error.next_step)
            msg = "Kafka has not answered yet"
            raise LogUnavailable(msg, next_step="is it running? maitred status")
        return self._consumer

    def _record(self, raw: Any) -> Record:  # noqa: ANN401 - the client has no types
        key = (raw.key or b"").decode(errors=_KEYS)
        headers = tuple((str(name), bytes(value or b"")) for name, value in raw.headers)
        return Record(
            raw.topic,
            raw.partition,
            raw.offset,
            key,
            bytes(raw.value or b""),
            headers,
            raw.timestamp,
        )
