"""How many events a second ingest, features and the archiver move, beside the least that could do it.

Each round the same records go in through ingest's HTTP and through a bare producer, in turns; then each
consumer, which stood still meanwhile (SIGSTOP), reads all of them and as many again that only lie
there to be read, in turns with a bare loop. So nobody's start is in a figure, and every ratio is of
one round.
"""

import statistics
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import httpx
import orjson
import redis

from loadtests.flow_programs import Side, consume, running
from loadtests.targets import Target
from maitred import events
from maitred.clock import SystemClock
from maitred.errors import Refused
from services.eventlog.headers import of_type
from services.eventlog.kafka import KafkaLogReader
from services.eventlog.topics import bootstrap_of, topics_of
from services.eventlog.tuning import producer_settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import kafka

__all__ = ["ROWS", "measure", "targets"]

BATCH: Final = 500
_DINERS: Final = 5_000
_CLIENTS: Final = 4
_WITHIN_S: Final = 120.0
_CLOCK: Final = SystemClock()
ROWS: Final = {
    "ingest": "ingest over HTTP, 500 a call | bare producer, same records and acks",
    "features": "features | decode and one pipelined HSET each",
    "archive": "archive | decode only",
}

Body = dict[str, Any]


def measure(rounds: int, count: int) -> dict[str, Any]:
    """Return events a second of ours and of the bare ones, by round, and the ratios' medians.

    ``count`` events a round go each way in; consumers read six times as many, to be busy for seconds.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ROWS}
    with running() as side:
        _fill(side, -1, 2_000, found=None, ours_first=True)  # connections, caches
        _read(side, 4_000, found=None, ours_first=True)
        for number in range(rounds):
            ours_first = number % 2 == 0
            _fill(side, number, count, found=found, ours_first=ours_first)
            _produce(side, _made(4 * count, f"m{number}"))
            _read(side, 6 * count, found=found, ours_first=ours_first)
    return {
        name: {
            "ours": statistics.median(r["ours"] for r in some),
            "bare": statistics.median(r["bare"] for r in some),
            "ratio": statistics.median(r["ours"] / r["bare"] for r in some),
            "rounds": some,
        }
        for name, some in found.items()
    }


def targets(figures: Mapping[str, Any]) -> list[Target]:
    """Return what is promised of these."""
    return [Target(f"{name}, of bare", figures[name]["ratio"], 0.5, at_least=True) for name in ROWS]


def _fill(
    side: Side, number: int, count: int, *, found: dict[str, Any] | None, ours_first: bool
) -> None:
    """Let both put as many new events into the log, consumers standing still."""
    ours, bare = (_made(count, f"{who}{number}") for who in ("h", "p"))
    ways: dict[str, Callable[[], float]] = {
        "ours": lambda: _post(side, ours),
        "bare": lambda: _produce(side, bare),
    }
    _note(found, "ingest", ways, ours_first=ours_first)


def _read(side: Side, count: int, *, found: dict[str, Any] | None, ours_first: bool) -> None:
    """Let each consumer, and the loop beside it, read what is new."""
    loops: Mapping[str, Callable[[int], float]] = {
        "features": lambda n: _hset_each(side, n),
        "archive": lambda n: _decode_each(side, n),
    }
    for name in ("features", "archive"):
        ways: dict[str, Callable[[], float]] = {
            "ours": lambda name=name: consume(side, name, count),  # type: ignore[misc]
            "bare": lambda name=name: loops[name](count),  # type: ignore[misc]
        }
        _note(found, name, ways, ours_first=ours_first)
    side.read += count
    side.marks = _ends(side)


def _ends(side: Side) -> dict[int, int]:
    with _reader(side, 10) as reader:
        while not reader.positions():
            reader.poll(0.0)
        return dict(reader.end_offsets())


@contextmanager
def _reader(side: Side, gather_ms: int) -> Iterator[KafkaLogReader]:
    topics, bootstrap = topics_of(side.settings), bootstrap_of(side.settings)
    reader = KafkaLogReader(
        bootstrap, topics, topics.events.name, "bare", clock=_CLOCK, gather_ms=gather_ms
    )
    try:
        yield reader
    finally:
        reader.close()


def _note(
    found: dict[str, Any] | None,
    name: str,
    ways: Mapping[str, Callable[[], float]],
    *,
    ours_first: bool,
) -> None:
    order = ("ours", "bare") if ours_first else ("bare", "ours")
    speeds = {who: ways[who]() for who in order}
    if found is not None:
        found[name].append(speeds)


def _made(count: int, prefix: str) -> list[Body]:
    now = _CLOCK.now()
    return [
        {
            "type": "click", "event_id": f"{prefix}-{n}", "user_id": f"u{n % _DINERS}",
            "restaurant_id": f"r{n % 997:05}", "traffic": "simulated",
            "occurred_at": (now + timedelta(milliseconds=n)).isoformat(),
        }
        for n in range(count)
    ]  # fmt: skip


def _post(side: Side, made: Sequence[Body]) -> float:
    bodies = [orjson.dumps({"events": made[at : at + BATCH]}) for at in range(0, len(made), BATCH)]
    with (
        httpx.Client(base_url=side.ingest_url, timeout=30) as client,
        ThreadPoolExecutor(_CLIENTS) as pool,
    ):
        head = {"Content-Type": "application/json"}
        began = _CLOCK.monotonic()
        replies = pool.map(lambda b: client.post("/v1/events", content=b, headers=head), bodies)
        for reply in replies:
            accepted = [r["status"] == "accepted" for r in reply.json().get("results", ())]
            if reply.status_code != httpx.codes.ACCEPTED or not all(accepted):
                msg = f"ingest did not accept a call: {reply.status_code} {reply.text[:200]}"
                raise Refused(msg, next_step="run it again on a quieter machine")
        return len(made) / (_CLOCK.monotonic() - began)


def _produce(side: Side, made: Sequence[Body]) -> float:
    """Send what ingest would have, with the client's own means, and wait for every acknowledgement."""
    topic = topics_of(side.settings).events.name
    records = [(e["user_id"].encode(), events.encode(events.parse(e))) for e in made]
    settings = producer_settings(bootstrap_of(side.settings), linger_ms=5)
    producer = kafka.KafkaProducer(**settings | {"max_block_ms": 30_000})
    headers = list(of_type("click"))
    try:
        producer.partitions_for(topic)
        began = _CLOCK.monotonic()
        sent = [producer.send(topic, value, key, headers=headers) for key, value in records]
        for future in sent:
            future.get(_WITHIN_S)
        return len(made) / (_CLOCK.monotonic() - began)
    finally:
        producer.close(timeout=5)


def _hset_each(side: Side, count: int) -> float:
    with redis.Redis.from_url(str(side.settings.redis_url)) as client:

        def write(records: Sequence[Any]) -> None:
            pipeline = client.pipeline(transaction=False)
            for record in records:
                event = events.decode(record.value)
                pipeline.hset(f"bare:{event.user_id}", event.event_id, event.restaurant_id)
            pipeline.execute()

        return _loop(side, count, 100, write)


def _decode_each(side: Side, count: int) -> float:
    def decode(records: Sequence[Any]) -> None:
        for record in records:
            events.decode(record.value)

    return _loop(side, count, 500, decode)


def _loop(side: Side, count: int, gather_ms: int, take: Callable[[Sequence[Any]], None]) -> float:
    """Read the newest ``count`` records of the log, and do one thing with each; from the first on."""
    with _reader(side, gather_ms) as reader:
        reader.seek(side.marks)
        done, since, first = 0, _CLOCK.monotonic(), 0
        while done < count:
            records = reader.poll(0.1)
            take(records)
            done += len(records)
            if records and not first:
                since, first = _CLOCK.monotonic(), done
        return (done - first) / (_CLOCK.monotonic() - since)
