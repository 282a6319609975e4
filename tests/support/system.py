"""The whole system as its users meet it: a running stack, and diners who live with it."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from maitred import archive
from maitred.client import Client, Query
from maitred.errors import MaitredError
from maitred.events import Click, Traffic
from maitred.store.client import connect
from services.local.folder import StackFolder
from services.local.processes import is_alive
from tests.support.stacks import maitred, status_of

LATE_MS = 100.0


@dataclass(frozen=True)
class System:
    """A city, two recommenders trained on it, and the stack that serves them."""

    home: Path
    inference: str
    ingest: str
    diners: tuple[str, ...]

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def data(self) -> Path:
        return self.home / "data"

    def run(self, *arguments: object) -> str:
        done = maitred(*map(str, arguments), state_dir=self.state)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def client(self, traffic: Traffic = Traffic.LIVE) -> Client:
        return Client(self.inference, self.ingest, traffic=traffic)

    def signal(self, name: str, number: signal.Signals) -> None:
        record = StackFolder.at(self.state).read()
        assert record is not None
        identity = record.services[name].identity
        assert identity is not None
        assert is_alive(identity)
        os.kill(identity.pid, number)


def version_in(text: str, objective: str) -> str:
    words = (word.strip("`'\".,:()") for word in text.split())
    return [word for word in words if word.startswith(f"{objective}-")][-1]


def until(holds: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)  # noqa: TID251 - another process's progress


@dataclass
class Diners:
    """Ask for lists and send clicks, until told to stop."""

    system: System
    stopping: threading.Event = field(default_factory=threading.Event)
    accepted: list[str] = field(default_factory=list)
    unsent: int = 0
    broken: list[str] = field(default_factory=list)
    late: int = 0
    asked: int = 0

    versions: set[str | None] = field(default_factory=set)

    def live(self) -> None:
        with self.system.client() as client:
            while not self.stopping.wait(0.02):
                self.ask(client)
                if self.asked % 5 == 0:
                    self.click(client)

    def ask(self, client: Client) -> None:
        self.asked += 1
        diner = self.system.diners[self.asked % len(self.system.diners)]
        shunned = "r00003"
        try:
            reply = client.recommend(Query(user_id=diner, exclude=(shunned,), price_max=3))
        except MaitredError as error:
            self.broken.append(str(error))
            return
        self.late += reply.waited_ms > LATE_MS
        said = reply.recommendation
        self.versions.add(said.model_version)
        if len(said.items) < 10 or shunned in said.ids:
            self.broken.append(f"{said.rung}: {said.ids}")

    def click(self, client: Client) -> None:
        name = f"faults-{self.asked}-{time.time_ns()}"
        click = Click(
            event_id=name,
            user_id=self.system.diners[self.asked % len(self.system.diners)],
            restaurant_id="r00010",
            occurred_at=datetime.now(UTC),  # noqa: TID251 - a real diner's clock
        )
        try:
            outcomes = client.send_events([click])
        except MaitredError:
            self.unsent += 1
            return
        self.accepted += [str(o.event_id) for o in outcomes if o.status == "accepted"]


def audit(system: System, ids: list[str]) -> dict[str, Any]:
    listed = system.home / "accepted.txt"
    listed.write_text("\n".join(ids) + "\n")
    done = maitred("events", "audit", "--ids", str(listed), "--json", state_dir=system.state)
    return dict(json.loads(done.stdout))


def whereabouts(system: System, diner: str) -> set[str]:
    """Every place that names a diner: stores, and each file of the state but Kafka's own, which age out."""
    name = diner.encode()
    found = {
        str(path.relative_to(system.state).parts[0])
        for path in system.state.rglob("*")
        if path.is_file() and path.relative_to(system.state).parts[0] != "kafka"
        if name in _bytes_of(path)
    }
    rows = archive.table(system.state / "archive", traffic=None, columns=["user_id"])
    if diner in rows["user_id"].to_pylist():
        found.add("archive")
    if diner in system.run("events", "dead", "list", "--all", "--json"):
        found.add("dead letters")
    with connect(status_of(system.state)[1]["services"]["valkey"]["url"]) as redis:
        for key in redis.scan_iter(count=1000):
            if name in key or (redis.type(key) == b"string" and name in (redis.get(key) or b"")):
                found.add("redis")
    return found


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # removed since we looked
        return b""
