"""Composition root of the consumers: settings in, a runner that is ready to run out."""

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from prometheus_client import CollectorRegistry

from maitred import archive
from maitred.clock import Clock
from maitred.erasure import erasure_key
from maitred.errors import Refused, UsageError
from maitred.observability import Metrics
from maitred.settings import Settings, child_environment
from maitred.store.client import connect, redis_url
from maitred.store.state import Spaces
from maitred.store.traces import Traces
from maitred.store.writer import StateWriter
from services.consumers.batch import Consumer
from services.consumers.dead import DeadLetters
from services.consumers.features import FeaturesConsumer
from services.consumers.health import serve_health
from services.consumers.purge import Purge
from services.consumers.replay import Replay
from services.consumers.retrain import Limits, Retrainer
from services.consumers.revival import Revival
from services.consumers.runner import Runner
from services.consumers.steps import Commands, Plan, Result, forget_diners, retrain
from services.eventlog.admin import forget_before
from services.eventlog.kafka import KafkaLogReader, KafkaLogWriter
from services.eventlog.port import LogWriter
from services.eventlog.topics import bootstrap_of, topics_of

__all__ = [
    "Runs",
    "Which",
    "archive_folder",
    "dead_reader",
    "open_replay",
    "open_revival",
    "open_runner",
    "purge_of",
    "rebuild_reader",
]

Which = Literal["features", "archive", "retrain"]
_GATHER_MS = {"features": 100, "archive": 500}
"""The next request should see a click; the archive flushes once a second at most."""
_REDIS_TIMEOUT_S = 2.0
_LEADER_WITHIN_S = 5.0
_REPLAY_TIMEOUT_S = 30.0
"""A replay writes much at a time, and nobody waits for it."""


def archive_folder(settings: Settings) -> Path:
    """Return where the archive lies."""
    return settings.state_dir / "archive"


def dead_reader(settings: Settings, clock: Clock) -> KafkaLogReader:
    """Return a reader of the dead letters that remembers nothing."""
    topics = topics_of(settings)
    bootstrap = bootstrap_of(settings)
    return KafkaLogReader(bootstrap, topics, topics.dead.name, "maitred.dead", clock=clock)


def rebuild_reader(settings: Settings, clock: Clock) -> KafkaLogReader:
    """Return a reader of all events from the oldest on that remembers nothing."""
    topics = topics_of(settings)
    bootstrap = bootstrap_of(settings)
    return KafkaLogReader(bootstrap, topics, topics.events.name, "maitred.rebuild", clock=clock)


@contextmanager
def open_revival(settings: Settings, clock: Clock) -> Iterator[Revival]:
    """Yield what puts dead letters back; nobody else does so on this state folder meanwhile.

    Raises:
        Refused: somebody else does.
    """
    topics, bootstrap = topics_of(settings), bootstrap_of(settings)

    def open_reader(topic: str) -> KafkaLogReader:
        return KafkaLogReader(bootstrap, topics, topic, "maitred.dead", clock=clock)

    lock = settings.state_dir / "dead.lock"
    with _lock(lock, clock, "another process puts dead letters back", 0.0):
        log = KafkaLogWriter(bootstrap, topics, clock=clock)
        try:
            yield Revival(log, topics, open_reader, clock=clock)
        finally:
            log.close(1.0)


def purge_of(settings: Settings, log: LogWriter, clock: Clock) -> Purge:
    """Return what removes the dead letters of diners; ``log`` is its way into Kafka."""
    topics, bootstrap = topics_of(settings), bootstrap_of(settings)
    return Purge(
        log,
        lambda: dead_reader(settings, clock),
        partial(forget_before, bootstrap, topics.dead.name),
        topics.dead.name,
        clock=clock,
    )


class Runs(Protocol):
    """A program's main loop."""

    def run(self) -> None:
        """Work until stopped; call it on the thread that opened it."""

    def stop(self) -> None:
        """End :meth:`run` within seconds; safe from signal handlers and other threads."""

    def is_alive(self) -> bool:
        """Tell whether the loop has turned lately."""


@contextmanager
def open_runner(which: Which, settings: Settings, clock: Clock) -> Iterator[Runs]:
    """Yield the loop of one consumer, its HTTP window open; Kafka and Redis need not be there.

    Raises:
        Refused: another process runs this consumer on the same state folder.
        UsageError: retraining has no data set to add to.
    """
    metrics = Metrics(CollectorRegistry())
    with ExitStack() as stack:
        runner: Runs
        if which == "retrain":
            runner = _retrainer(settings, clock, metrics, stack)
        else:
            runner = _runner(which, settings, clock, metrics, stack)
        window = serve_health(
            settings.host,
            settings.metrics_port or 0,
            registry=metrics.registry,
            is_alive=runner.is_alive,
        )
        stack.enter_context(window)
        yield runner


def _runner(
    which: Literal["features", "archive"],
    settings: Settings,
    clock: Clock,
    metrics: Metrics,
    stack: ExitStack,
) -> Runner:
    topics, bootstrap = topics_of(settings), bootstrap_of(settings)
    log = KafkaLogWriter(bootstrap, topics, clock=clock)
    stack.callback(log.close, 1.0)
    dead = DeadLetters(log, topics.dead.name, which)
    consumer: Consumer
    if which == "features":
        consumer = _features(settings, clock, stack)
    else:
        consumer = _archiver(settings, clock, dead, purge_of(settings, log, clock), stack)
    name = f"maitred.{consumer.name}"
    reader = KafkaLogReader(
        bootstrap, topics, topics.events.name, name, clock=clock, gather_ms=_GATHER_MS[which]
    )
    stack.callback(reader.close)
    return Runner(consumer, reader, dead, clock=clock, metrics=metrics)


def _retrainer(settings: Settings, clock: Clock, metrics: Metrics, stack: ExitStack) -> Retrainer:
    home = settings.state_dir / "retrain"
    said = "another process sees to retraining: maitred status shows it"
    lock = stack.enter_context(_lock(home / "lock", clock, said, _LEADER_WITHIN_S))
    for left in home.glob("run-*"):  # by a process that was killed
        forget_diners(left)
    kinds = frozenset(kind.strip() for kind in settings.retrain_traffic.split(","))
    limits = Limits(settings.retrain_events, timedelta(hours=settings.retrain_hours), kinds)

    def train(now: datetime) -> dict[str, Result]:
        if settings.retrain_data is None:
            msg = "there is no data set to add the archive's events to"
            raise UsageError(msg, next_step="set MAITRED_RETRAIN_DATA to the model's data set")
        name = now.strftime("%Y%m%dT%H%M%S")
        logs = settings.state_dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        commands = Commands(
            child_environment(),
            logs / f"retrain-{name}.log",
            settings.retrain_limit_s,
            retrainer.stopping,
            clock,
            held=(lock,),
        )
        plan = Plan(
            settings.retrain_data,
            archive_folder(settings),
            settings.retrain_traffic,
            home / f"run-{name}",
        )
        return retrain(plan, commands.run)

    retrainer = Retrainer(
        archive_folder(settings),
        home / "mark.json",
        limits,
        train,
        clock=clock,
        metrics=metrics,
    )
    return retrainer


@contextmanager
def open_replay(settings: Settings, clock: Clock) -> Iterator[Replay]:
    """Yield what makes diner states anew.

    Raises:
        Refused: another replay runs on the same state folder, or the key of tombstones is not the
            archive's.
    """
    topics = topics_of(settings)
    with ExitStack() as stack:
        lock = settings.state_dir / "replay.lock"
        stack.enter_context(_lock(lock, clock, "another replay runs", 0.0))
        redis = stack.enter_context(connect(redis_url(settings), timeout_s=_REPLAY_TIMEOUT_S))
        reader = KafkaLogReader(
            bootstrap_of(settings), topics, topics.events.name, "maitred.replay", clock=clock
        )
        stack.callback(reader.close)
        key = erasure_key(settings)
        archive.require_key(archive_folder(settings), key)
        yield Replay(
            Spaces(redis),
            lambda space: StateWriter(redis, topics.events.name, key, space=space),
            reader,
            archive_folder(settings),
            topics.events.name,
            clock,
        )


@contextmanager
def _lock(file: Path, clock: Clock, said: str, within_s: float) -> Iterator[int]:
    """Yield the descriptor of a lock that one process holds, and those it starts.

    Raises:
        Refused: another one holds it; one that was just killed is waited for.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    deadline = clock.monotonic() + within_s
    with file.open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if clock.monotonic() > deadline:
                    raise Refused(said, next_step="wait for its end, or end it") from error
                clock.sleep(0.1)
        yield lock.fileno()


def _features(settings: Settings, clock: Clock, stack: ExitStack) -> FeaturesConsumer:
    redis = stack.enter_context(connect(redis_url(settings), timeout_s=_REDIS_TIMEOUT_S))
    topic = topics_of(settings).events.name
    states = StateWriter(redis, topic, erasure_key(settings))
    return FeaturesConsumer(states, Traces(redis, clock=clock), clock=clock)


def _archiver(
    settings: Settings, clock: Clock, dead: DeadLetters, purge: Purge, stack: ExitStack
) -> Consumer:
    # pyarrow: the other consumers would carry it for nothing
    from maitred.archive.writer import open_writer  # noqa: PLC0415
    from services.consumers.archiver import ArchiveConsumer  # noqa: PLC0415

    topics = topics_of(settings)
    opened = open_writer(
        archive_folder(settings),
        topics.events.name,
        clock=clock,
        dedup_days=settings.dedup_days,
        erasure_key=erasure_key(settings),
    )
    writer = stack.enter_context(opened)
    return ArchiveConsumer(writer, dead, clock=clock, forget=purge)
