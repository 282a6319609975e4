"""The whole system as its users meet it: commands, HTTP, and nothing else."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from maitred.client import Client, Query
from maitred.events import Click, Traffic
from tests.support.stacks import maitred, status_of
from tests.support.system import Diners, System, audit, until, version_in, whereabouts

ANY_PORT = {f"{name}_port": 0 for name in ("inference", "ingest", "console", "valkey", "kafka")}


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
        until(lambda: bool(status_of(city.state)[1]["models"]["revenue"]))
        yield served
    finally:
        down = maitred("down", "--state", str(city.state))
        assert down.returncode == 0, down.stderr


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
        took_s = sorted(changed_after_s(client, query, nth) for nth in range(5))

    assert took_s[2] < 1.0


def changed_after_s(client: Client, query: Query, nth: int) -> float:
    """Click on a restaurant far down the list; return when another one's score had changed."""
    before = client.recommend(query).recommendation
    scores = {item.restaurant_id: item.score for item in before.items}
    clicked = before.ids[-1 - nth]
    click = Click(
        event_id=f"change-{time.time_ns()}",
        user_id=str(query.user_id),
        restaurant_id=clicked,
        occurred_at=datetime.now(UTC),  # noqa: TID251 - a real diner's clock
    )
    sent = time.monotonic()
    client.send_events([click])
    while time.monotonic() - sent < 5:
        after = client.recommend(query).recommendation
        others = (item for item in after.items if item.restaurant_id != clicked)
        if any(scores.get(i.restaurant_id, i.score) != i.score for i in others):
            return time.monotonic() - sent
    pytest.fail("no score changed in five seconds")


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
    until(lambda: audit(system, [str(i) for i in ids])["missing"] == [])
    system.run(
        "data", "extend", system.data, "--archive", system.state / "archive",
        "--traffic", "replay", "--out", system.home / "extended",
    )  # fmt: skip

    assert len(ids) == len(clicks)
    assert fingerprint(system.home / "extended") == fingerprint(system.data)


def test_an_erased_diner_is_nowhere_after_it_and_after_a_full_replay(system: System) -> None:
    diner, now = "anna the erased", datetime.now(UTC)  # noqa: TID251 - a real diner's clock
    key = (system.state / "admin.key").read_text().strip()
    with Client(system.inference, system.ingest, traffic=Traffic.LIVE, admin_key=key) as client:
        shown = client.recommend(Query(user_id=diner)).recommendation.ids
        clicks = [
            Click(event_id=f"anna-{n}", user_id=diner, restaurant_id=shown[n], occurred_at=now)
            for n in (1, 2)
        ]
        other = clicks[0].model_copy(update={"restaurant_id": shown[3]})  # becomes a dead letter
        client.send_events(clicks)
        client.send_events([other])
        until(lambda: client.recommend(Query(user_id=diner)).recommendation.rung == "personalised")
        until(lambda: audit(system, ["anna-1", "anna-2"])["missing"] == [])
        until(lambda: diner in system.run("events", "dead", "list", "--json"))
        places = whereabouts(system, diner)
        assert {"redis", "archive", "dead letters"} <= places

        passed_on = client.erase("d00399")  # by inference
        said = system.run("erase", diner, "--wait")
        replayed = json.loads(system.run("events", "replay", "--json"))

        until(lambda: whereabouts(system, diner) == set(), within_s=90)
        after = client.recommend(Query(user_id=diner, explore=False)).recommendation
    assert passed_on.user == "d00399"
    assert "forgotten in Redis and in the archive" in said
    assert replayed["space"] == replayed["before"] + 1
    assert after.rung != "personalised"
    audited = audit(system, ["anna-1", "anna-2"])
    assert (audited["missing"], sorted(audited["erased_ids"])) == ([], ["anna-1", "anna-2"])


def fingerprint(dataset: Path) -> str:
    return str(json.loads((dataset / "dataset.json").read_text())["fingerprint"])


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
    until(lambda: status_of(system.state)[0] == 0, within_s=40)
    time.sleep(2)  # noqa: TID251
    diners.stopping.set()
    living.join()

    assert diners.broken == []
    assert challenger in diners.versions
    assert diners.asked > 100
    assert len(diners.accepted) > 20
    until(lambda: audit(system, diners.accepted)["missing"] == [], within_s=30)
    assert audit(system, diners.accepted)["twice"] == []
    with system.client() as client:
        reply = client.recommend(Query(user_id=known_diner(system))).recommendation
    assert (reply.rung, reply.degraded) == ("personalised", None)
