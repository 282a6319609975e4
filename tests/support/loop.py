"""Parts of the event loop on real servers, each test with a topic of its own."""

import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from maitred.clock import SystemClock
from maitred.settings import Settings, child_environment
from services.consumers.deps import Runs, Which, open_runner


def loop_settings(state: Path, kafka: str, redis: str | None = None, **fields: object) -> Settings:
    topic = f"loop.{uuid.uuid4().hex}"
    given = {"state_dir": state, "kafka_bootstrap": kafka, "redis_url": redis} | fields
    return Settings.model_validate(given | {"events_topic": topic})


def environment_of(settings: Settings) -> dict[str, str]:
    """What a child process needs in order to load equal settings."""
    named = settings.model_dump(mode="json", exclude_unset=True)
    return child_environment(**named)


@contextmanager
def consuming(which: Which, settings: Settings) -> Iterator[None]:
    """Run a consumer on a thread of this process."""
    runners: list[Runs] = []

    def run() -> None:
        with open_runner(which, settings, SystemClock()) as runner:
            runners.append(runner)
            runner.run()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while not runners:
        assert thread.is_alive(), "the consumer did not start"
        thread.join(0.01)
    try:
        yield
    finally:
        runners[0].stop()
        thread.join(10)
        assert not thread.is_alive()


def start(module: str, *arguments: str, settings: Settings, log: Path) -> subprocess.Popen[bytes]:
    """Start one of our programs as a process."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=environment_of(settings) | {"PYTHONPATH": str(Path.cwd())},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def click(event_id: str, user: str = "u1", **fields: object) -> dict[str, Any]:
    event = {"type": "click", "event_id": event_id, "user_id": user, "restaurant_id": "r9"}
    return event | {"occurred_at": datetime.now(UTC).isoformat()} | fields  # noqa: TID251 - real time
