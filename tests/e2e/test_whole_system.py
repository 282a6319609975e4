"""The whole system as its users meet it: commands, HTTP, and nothing else."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from maitred.client import Client, Query
from maitred.errors import MaitredError
from maitred.events import Click, Traffic
from services.local.folder import StackFolder
from services.local.processes import is_alive
from tests.support.stacks import maitred, status_of

ANY_PORT = {f"{name}_port": 0 for name in ("inference", "ingest", "console", "valkey", "kafka")}
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
        import os  # noqa: PLC0415 - signals only here

        os.kill(identity.pid, number)


def version_in(text: str, objective: str) -> str:
    words = (word.strip("`'\".,:()") for word in text.split())
    return [word for word in words if word.startswith(f"{objective}-")][-1]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    home = tmp_path_factory.mktemp("system")
    city = System(home, "", "", ())
    city.run(
        "data", "synth", "--seed", 5, "--restaurants", 150, "--diners", 400, "--days", 35,
        "--out", city.data,
    )  # fmt: skip
    for objective in ("clicks", "revenue"):
        city.run(
            "train", "--data", city.data, "--objective", objective, "--no-baselines",
            "--out", home / objective,
        )  # fmt: skip
    up = maitred("up", "--detach", "--state", str(city.state), **ANY_PORT)
    assert up.returncode == 0, up.stderr
    try:
        for objective in ("clicks", "revenue"):
            said = city.run("models", "publish", home / objective)
            city.run("models", "promote", version_in(said, objective))
        _, status = status_of(city.state)
        urls = {name: service["url"] for name, service in status["services"].items()}
        diners = tuple(f"d{n:05}" for n in range(400))
        served = System(home, urls["inference"], urls["ingest"], diners)
        _until(lambda: bool(status_of(city.state)[1]["models"]["revenue"]))
        yield served
    finally:
        down = maitred("down", "--state", str(city.state))
        assert down.returncode == 0, down.stderr


def _until(holds: Any, within_s: float = 20.0) -> None:  # noqa: ANN401 - any claim
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)  # noqa: TID251 - another process's progress


def known_diner(system: System) -> str:
    with system.client(Traffic.PREVIEW) as client:
        for diner in system.diners:
            said = client.recommend(Query(user_id=diner, explore=False)).recommendation
            if said.rung == "personalised":
                return diner
    pytest.fail("nobody is known")


def test_objectives_and_the_dial_give_lists_of_their_own_with_reasons(system: System) -> None:
    diner = known_diner(system)
    asked = {
        "clicks": Query(user_id=diner, objective="clicks", explore=False, explain=True),
        "revenue": Query(user_id=diner, objective="revenue", explore=False, explain=True),
        "w=0": Query(user_id=diner, revenue_weight=0.0, explore=False, explain=True),
        "w=.25": Query(user_id=diner, revenue_weight=0.25, explore=False, explain=True),
        "w=1": Query(user_id=diner, revenue_weight=1.0, explore=False, explain=True),
    }

    with system.client() as client:
        said = {name: client.recommend(query).recommendation for name, query in asked.items()}
        again = client.recommend(asked["clicks"]).recommendation

    assert said["w=0"].items == said["clicks"].items == again.items
    assert len({said[name].ids for name in ("clicks", "revenue", "w=.25", "w=1")}) >= 3
    for reply in said.values():
        for item in reply.items:
            assert item.reasons
            total = sum(reason.contribution for reason in item.reasons)
            assert total == pytest.approx(item.score, abs=1e-6)


def test_a_click_changes_the_scores_of_other_restaurants_within_a_second(system: System) -> None:
    query = Query(user_id=known_diner(system), k=50, explore=False)
    with system.client() as client:
        before = client.recommend(query).recommendation
        scores = {item.restaurant_id: item.score for item in before.items}
        clicked = before.ids[-1]
        click = Click(
            event_id=f"change-{time.time_ns()}",
            user_id=str(query.user_id),
            restaurant_id=clicked,
            occurred_at=datetime.now(UTC),  # noqa: TID251 - a real diner's clock
        )

        sent = time.monotonic()
        client.send_events([click])
        changed: set[str] = set()
        while not changed and time.monotonic() - sent < 5:
            after = client.recommend(query).recommendation
            changed = {
                item.restaurant_id
                for item in after.items
                if scores.get(item.restaurant_id, item.score) != item.score
            } - {clicked}
        took = time.monotonic() - sent

    assert changed
    assert took < 1.0


def test_what_a_load_test_does_changes_nothing_that_is_trained_on(system: System) -> None:
    clicks = [
        Click(
            event_id=f"load-{n}-{time.time_ns()}",
            user_id=diner,
            restaurant_id="r00001",
            occurred_at=datetime.now(UTC),  # noqa: TID251 - a real diner's clock
        )
        for n, diner in enumerate(system.diners[:50])
    ]

    with system.client(Traffic.LOAD) as client:
        outcomes = client.send_events(clicks)
    ids = [outcome.event_id for outcome in outcomes if outcome.status == "accepted"]
    _until(lambda: audit(system, [str(i) for i in ids])["missing"] == [])
    system.run(
        "data", "extend", system.data, "--archive", system.state / "archive",
        "--traffic", "replay", "--out", system.home / "extended",
    )  # fmt: skip

    assert len(ids) == len(clicks)
    assert fingerprint(system.home / "extended") == fingerprint(system.data)


def test_a_diner_is_forgotten_by_whoever_has_the_key_wherever_they_ask(system: System) -> None:
    key = (system.state / "admin.key").read_text().strip()

    with Client(system.inference, traffic=Traffic.LIVE, admin_key=key) as by_inference:
        passed_on = by_inference.erase("d00399")
    said = json.loads(system.run("erase", "d00398", "--json"))
    for_people = system.run("erase", "d00398")

    assert (passed_on.user, said["user"]) == ("d00399", "d00398")
    assert "d00398 is to be forgotten, as of " in for_people
    assert "log: Kafka drops the diner's events by " in for_people


def fingerprint(dataset: Path) -> str:
    return str(json.loads((dataset / "dataset.json").read_text())["fingerprint"])


def audit(system: System, ids: list[str]) -> dict[str, Any]:
    listed = system.home / "accepted.txt"
    listed.write_text("\n".join(ids) + "\n")
    done = maitred("events", "audit", "--ids", str(listed), "--json", state_dir=system.state)
    return dict(json.loads(done.stdout))


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


def test_no_request_fails_and_no_event_is_lost_while_servers_stall_die_and_models_change(
    system: System,
) -> None:
    system.run(
        "train", "--data", system.data, "--objective", "clicks", "--no-baselines", "--no-refit",
        "--seed", 8, "--out", system.home / "challenger",
    )  # fmt: skip
    said = system.run("models", "publish", system.home / "challenger")
    challenger = version_in(said, "clicks")
    diners = Diners(system)
    living = threading.Thread(target=diners.live, daemon=True)
    living.start()
    time.sleep(1)  # noqa: TID251 - the faults' own schedule

    system.signal("valkey", signal.SIGSTOP)
    time.sleep(5)  # noqa: TID251
    system.signal("valkey", signal.SIGCONT)
    system.signal("kafka", signal.SIGKILL)
    system.signal("consume-retrain", signal.SIGKILL)
    system.signal("consume-archive", signal.SIGKILL)
    time.sleep(3)  # noqa: TID251
    system.run("models", "promote", challenger)
    _until(lambda: status_of(system.state)[0] == 0, within_s=40)
    time.sleep(2)  # noqa: TID251
    diners.stopping.set()
    living.join()

    assert diners.broken == []
    assert challenger in diners.versions
    assert diners.asked > 100
    assert len(diners.accepted) > 20
    _until(lambda: audit(system, diners.accepted)["missing"] == [], within_s=30)
    assert audit(system, diners.accepted)["twice"] == []
    with system.client() as client:
        reply = client.recommend(Query(user_id=known_diner(system))).recommendation
    assert (reply.rung, reply.degraded) == ("personalised", None)
