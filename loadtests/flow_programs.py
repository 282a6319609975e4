"""The programs of a bench of flows: ingest at work, consumers that stand still until they are timed."""

import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from loadtests.servers import own_servers
from maitred.clock import SystemClock
from maitred.errors import Refused
from maitred.settings import Settings, child_environment
from services.eventlog.kafka import ensure_topics
from services.eventlog.topics import bootstrap_of, topics_of
from services.local.ports import free_port

__all__ = ["Side", "consume", "running"]

_WITHIN_S: Final = 120.0
_LOOK_S: Final = 0.05
"""The consumer answers each look itself, and is slowed by it."""
_SOME: Final = 3
"""Looks that saw progress, of which both ends can be spared."""
_CLOCK: Final = SystemClock()


@dataclass(slots=True)
class Side:
    """Programs under measurement, and where they are."""

    settings: Settings
    ingest_url: str
    consumers: Mapping[str, tuple[psutil.Popen, str]]
    """Process and URL of its metrics, by name."""
    read: int = 0
    """Records that consumers have read."""
    marks: dict[int, int] = field(default_factory=dict)
    """Where in the log the unread ones begin, by partition."""


def consume(side: Side, name: str, count: int) -> float:
    """Let a consumer go until it has read so many more, and stop it again; return events a second.

    Counted from the first records that it is done with, for until then it makes its connection anew,
    which a process that stood still for long has to; and to the last ones behind which others waited,
    for at the end of the log the archiver waits for company.
    """
    process, url = side.consumers[name]
    process.send_signal(signal.SIGCONT)
    try:
        goal, until = side.read + count, _CLOCK.monotonic() + _WITHIN_S
        steps = [(_CLOCK.monotonic(), float(side.read))]
        while steps[-1][1] < goal:
            now = _done(url)
            if now > steps[-1][1]:
                steps.append((_CLOCK.monotonic(), now))
            if _CLOCK.monotonic() > until:
                msg = f"{name} read {now - side.read:.0f} of {count} records in {_WITHIN_S:g} s"
                raise Refused(msg, next_step="see what it said above")
            _CLOCK.sleep(_LOOK_S)
        if len(steps) > _SOME:
            steps = steps[1:-1]
        (began, first), (ended, last) = steps[0], steps[-1]
        return (last - first) / (ended - began)
    finally:
        process.send_signal(signal.SIGSTOP)


def _done(url: str) -> float:
    """Return how many records a consumer says it is done with."""
    text = httpx.get(f"{url}/metrics", timeout=10).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "maitred_consumed_total"
    )


@contextmanager
def running() -> Iterator[Side]:
    """Start servers and programs of their own; consumers stand still from the beginning."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-flow-")))
        kafka_server, valkey = own_servers(home, stack)
        ports = {name: free_port() for name in ("ingest", "features", "archive")}
        fields = {
            "state_dir": home / "state", "kafka_bootstrap": kafka_server.url,
            "redis_url": valkey.url, "log_level": "WARNING",
        }  # fmt: skip
        settings = Settings.model_validate(fields)
        ensure_topics(bootstrap_of(settings), topics_of(settings))
        ingest = child_environment(**fields, ingest_port=ports["ingest"])
        _start(stack, ("services.ingest",), ingest)
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        consumers = {}
        for name in ("features", "archive"):
            environment = child_environment(**fields, metrics_port=ports[name])
            consumers[name] = (
                _start(stack, ("services.consumers", name), environment), urls[name]
            )  # fmt: skip
        for name, path in (
            ("ingest", "/readyz"),
            ("features", "/healthz"),
            ("archive", "/healthz"),
        ):
            _await(urls[name] + path)
        for process, _ in consumers.values():
            process.send_signal(signal.SIGSTOP)
        yield Side(settings, urls["ingest"], consumers)


def _start(stack: ExitStack, module: Sequence[str], environment: Mapping[str, str]) -> psutil.Popen:
    process = psutil.Popen([sys.executable, "-m", *module], env=dict(environment))
    stack.callback(_end, process)
    return process


def _end(process: psutil.Popen) -> None:
    process.send_signal(signal.SIGCONT)
    process.terminate()
    process.wait(20)


def _await(url: str) -> None:
    until = _CLOCK.monotonic() + 60
    while True:
        try:
            httpx.get(url, timeout=2).raise_for_status()
        except httpx.HTTPError as error:
            if _CLOCK.monotonic() > until:
                msg = f"{url} did not become ready"
                raise Refused(msg, next_step="see what it said above") from error
            _CLOCK.sleep(0.1)
        else:
            return
