"""The load generators as people start them, each a process of its own, against a real server."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.checkouts import checked_out
from maitred.errors import Refused
from maitred.events import Click, Order, encode
from maitred.settings import child_environment
from tests.support.contract_server import ContractServer, contract_server
from tests.support.repository import ROOT
from tests.support.waiting import eventually

BIN = Path(sys.executable).parent


@pytest.fixture
def server() -> Iterator[ContractServer]:
    with contract_server() as running:
        yield running


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**child_environment(), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    words = [str(word) for word in command]
    return subprocess.run(
        words, check=False, capture_output=True, text=True, timeout=60, cwd=cwd, env=environment
    )


def head() -> str:
    """The commit of the repository whose programs are started."""
    words = ["git", "rev-parse", "HEAD"]
    return subprocess.run(
        words, check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout.strip()


def test_plain_locust_prints_percentiles_failures_and_rungs(
    server: ContractServer, tmp_path: Path
) -> None:
    (tmp_path / "users.txt").write_text("u1\nu2\n", encoding="utf-8")

    done = run(
        BIN / "locust", "-f", ROOT / "loadtests/locustfile.py", "--host", server.url,
        "--headless", "-u", "3", "-r", "3", "-t", "2s", "--revenue-weight", "0.25",
        "--users-file", tmp_path / "users.txt", cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("| w=0.25")]
    assert "personalised=" in row
    assert {query["traffic"][0] for query in server.queries} == {"load"}
    assert {query["revenue_weight"][0] for query in server.queries} == {"0.25"}
    assert {"u1", "u2"} <= {query.get("user_id", [""])[0] for query in server.queries}


def test_locust_plays_a_scenario_whose_crowd_grows_and_shrinks(
    server: ContractServer, tmp_path: Path
) -> None:
    done = run(
        BIN / "locust", "-f", ROOT / "loadtests/locustfile.py", "--host", server.url,
        "--headless", "-u", "4", "-r", "4", "-t", "3s", "--scenario", "dinner-peak", cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "Closed loop" in done.stdout
    assert "Shape test updating to 4 users" in done.stderr
    # The first query asks which restaurants there are; then people eat near one that is open.
    diners = [query for query in server.queries if "open_at" in query]
    assert len(diners) == len(server.queries) - 1
    assert {query["lat"][0] for query in diners} == {"41.88"}
    assert {query["traffic"][0] for query in server.queries} == {"load"}


def test_the_open_loop_climbs_to_the_knee_and_says_why_it_stopped(
    server: ContractServer, tmp_path: Path
) -> None:
    (tmp_path / "users.txt").write_text("u1\n", encoding="utf-8")
    server.alter = lambda reply: (
        reply | {"rung": "popular", "degraded": "overload"} if len(server.queries) > 60 else reply
    )

    done = run(
        sys.executable, "-m", "loadtests.openloop", "--url", server.url, "--scenario", "steps",
        "--rate", "100", "--seconds", "14", "--users-file", "users.txt", cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode in {0, 3}, done.stderr
    said = json.loads(done.stdout)
    rates = [step["rate_per_s"] for step in said["steps"]]
    assert rates[0] == 50.0
    assert rates[-1] == rates[-2] < 200.0
    assert all(step["why"] for step in said["steps"][-2:])
    assert said["knee_per_s"] < rates[-1]


def test_make_load_passes_a_good_service_and_writes_its_reports(
    server: ContractServer, tmp_path: Path
) -> None:
    done = run(
        sys.executable, "-m", "loadtests.run", "--url", server.url, "--rate", "50",
        "--seconds", "1", "--people", "2", "--people-seconds", "1", "--objectives", "revenue",
        cwd=tmp_path,
    )  # fmt: skip

    reports = tmp_path / ".maitred" / "reports"
    content = json.loads((reports / "load.json").read_text(encoding="utf-8"))
    # A test machine may be too busy to measure on: void is then the right answer, never failed.
    assert done.returncode == {"passed": 0, "void": 3}[content["verdict"]], done.stderr
    assert list(content["open_loop"]) == list(content["people"]) == ["revenue"]
    assert content["open_loop"]["revenue"]["requests"] > 20
    assert content["open_loop"]["revenue"]["failures"] == 0
    assert content["commit"] == head()
    assert "p99.9" in (reports / "load.md").read_text(encoding="utf-8")
    assert (reports / "load.svg").read_text(encoding="utf-8").startswith("<svg")
    assert "Requests by rung" in (reports / "load.html").read_text(encoding="utf-8")


def test_make_load_fails_a_service_that_breaks_a_filter(
    server: ContractServer, tmp_path: Path
) -> None:
    server.alter = lambda reply: reply | {"items": reply["items"] * 2}
    slo = tmp_path / "slo.toml"
    # Any lag counts here: the failure is the service's, however busy the machine is.
    slo.write_text("p999_ms = 100.0\nfailures = 0\nsend_lag_p999_ms = 10000.0\n", encoding="utf-8")

    done = run(
        sys.executable, "-m", "loadtests.run", "--url", server.url, "--rate", "50", "--seconds",
        "0.5", "--people", "0", "--objectives", "w=0.5", "--slo", slo, cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 1, done.stderr
    assert "schema=" in done.stdout
    assert "w=0.5: **failed**" in done.stdout


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["--objectives", "fame"], "clicks, revenue, balanced"),
        (["--scenario", "lunch"], "browse, dinner-peak, cold, steps, soak, overload"),
        (["--faults", "valkey-stall"], "--state"),
    ],
)
def test_what_cannot_be_done_is_wrong_usage(words: list[str], advice: str, tmp_path: Path) -> None:
    done = run(
        sys.executable, "-m", "loadtests.run", "--url", "http://127.0.0.1:1", *words, cwd=tmp_path
    )

    assert done.returncode == 2
    assert advice in done.stderr


def test_ctrl_c_ends_a_load_with_a_word_and_no_traceback(
    server: ContractServer, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [
            sys.executable, "-m", "loadtests.run", "--url", server.url, "--rate", "20",
            "--seconds", "60", "--people", "0", "--objectives", "clicks",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**child_environment(), "PYTHONPATH": str(ROOT)},
    ) as load:  # fmt: skip
        eventually(lambda: bool(server.queries))

        load.send_signal(signal.SIGINT)
        complained = load.communicate(timeout=20)[1]

    assert load.returncode == 130
    assert complained == "maitred: interrupted\n"


def test_two_services_are_compared_in_turns(server: ContractServer, tmp_path: Path) -> None:
    with contract_server() as slower:
        slower.delay_s = lambda _: 0.05

        done = run(
            sys.executable, "-m", "loadtests.compare", "--urls", server.url, slower.url,
            "--rate", "40", "--seconds", "1", "--rounds", "2", cwd=tmp_path,
        )  # fmt: skip

    assert done.returncode in {0, 3}, done.stderr
    made = json.loads((tmp_path / ".maitred/reports/compare.json").read_text(encoding="utf-8"))
    assert [len(rounds) for rounds in made["rounds"].values()] == [2, 2]
    order = [line.split()[2].rstrip(":") for line in done.stderr.splitlines() if "round" in line]
    assert order == [server.url, slower.url, slower.url, server.url]
    pairs = zip(*made["rounds"].values(), strict=True)
    is_measured = any(not one["void"] and not other["void"] for one, other in pairs)
    ratios = made["ratios"][slower.url]
    assert set(ratios) == ({"p50_ms", "p99_ms", "max_ms"} if is_measured else set())
    assert all(spread[0] > 1.0 for spread in ratios.values())
    assert (done.returncode == 3) == all(r["void"] for rs in made["rounds"].values() for r in rs)


def test_a_commit_is_checked_out_run_from_its_own_files_and_taken_away_again() -> None:
    with checked_out("HEAD") as checkout:
        where = subprocess.run(
            [checkout.python, "-c", "import maitred; print(maitred.__file__)"],
            check=True, capture_output=True, text=True, cwd=checkout.folder,
            env=checkout.environment(checkout.folder.parent / "state"),
        ).stdout  # fmt: skip
        state = checkout.folder.parent / "state"

        assert Path(where.strip()) == checkout.folder / "maitred" / "__init__.py"
        with pytest.raises(Refused, match="no such"):
            checkout.maitred("models", "publish", "no such", state=state)

    assert not checkout.folder.parent.exists()
    with pytest.raises(Refused, match="no commit"), checked_out("no-such-commit"):
        pass


@pytest.fixture
def log(tmp_path: Path) -> Path:
    at = "2026-05-01T19:00:00+00:00"
    common = {"user_id": "u1", "restaurant_id": "r0001", "occurred_at": at}
    money = {"order_id": "o1", "basket_minor": 2250, "currency": "USD"}
    events = [
        Click.model_validate(common | {"event_id": "e1"}),
        Order.model_validate(common | {"event_id": "e2"} | money),
    ]
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(encode(event) for event in events))
    return path


def test_simulate_replay_says_in_json_what_it_came_to(
    server: ContractServer, log: Path, tmp_path: Path
) -> None:
    done = run(
        BIN / "maitred", "simulate", "replay", "--events", log, "--inference", server.url,
        "--ingest", server.url, "--objective", "revenue", "--json", cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["choices"], result["hits"], result["events"]) == (1, 1, {"accepted": 2})
    assert server.queries[0]["objective"] == ["revenue"]


def test_compare_prints_the_settings_for_people_and_for_scripts(
    server: ContractServer, log: Path, tmp_path: Path
) -> None:
    words = (
        BIN / "maitred", "compare", "--choices", log, "--objectives", "clicks,w=1",
        "--inference", server.url,
    )  # fmt: skip

    people = run(*words, cwd=tmp_path)
    script = run(*words, "--json", cwd=tmp_path)

    assert people.returncode == 0, people.stderr
    assert "w=1" in people.stdout
    rows = json.loads(script.stdout)["settings"]
    assert [row["name"] for row in rows] == ["clicks", "w=1"]
    assert rows[0]["hit_rate"] == [1.0, 1.0, 1.0]
    assert rows[0]["captured_per_diner"][0] == 2250.0


def test_simulate_slower_names_its_sources(tmp_path: Path) -> None:
    done = run(
        BIN / "maitred", "simulate", "slower", "--orders", "1000", "--revenue", "500000", "--json",
        cwd=tmp_path,
    )  # fmt: skip

    costs = json.loads(done.stdout)
    assert [(cost["curve"], cost["added_ms"]) for cost in costs] == [
        ("booking", 50.0), ("booking", 200.0), ("google", 50.0), ("google", 200.0),
    ]  # fmt: skip
    assert all(cost["source"].startswith("vendor figure") for cost in costs)
    assert all(
        cost["lost_orders"] == pytest.approx(1000 * cost["lost_conversion"]) for cost in costs
    )


def test_a_service_that_is_not_there_is_refused_with_the_next_step(
    log: Path, tmp_path: Path
) -> None:
    done = run(
        BIN / "maitred", "simulate", "replay", "--events", log,
        "--inference", "http://127.0.0.1:1", cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 1
    assert "maitred up" in done.stderr
