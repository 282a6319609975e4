"""When to retrain, what a retraining does, and what a failing one must not do."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from maitred.artifact.folder import SCHEMA
from maitred.clock import ManualClock, SystemClock
from maitred.observability import Metrics
from maitred.settings import Settings
from services.consumers.deps import open_runner
from services.consumers.retrain import Limits, Mark, Retrainer, is_due
from services.consumers.steps import Plan, Result, retrain
from tests.support.archives import archive_of, order, wire
from tests.support.waiting import eventually

NOW = ManualClock().now()
LIMITS = Limits(3, timedelta(hours=24), frozenset({"live"}))


def test_enough_new_events_start_a_retraining() -> None:
    mark = Mark(10, NOW, {})

    assert not is_due(LIMITS, mark, 12, NOW)
    assert is_due(LIMITS, mark, 13, NOW)


def test_an_old_model_is_retrained_only_when_there_is_anything_new() -> None:
    mark = Mark(10, NOW - timedelta(hours=25), {})

    assert not is_due(LIMITS, mark, 10, NOW)
    assert is_due(LIMITS, mark, 11, NOW)


class Said:
    """Answers commands, and remembers them; a command whose words it was told to fail gives None."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.commands: list[str] = []

    def __call__(self, *arguments: str) -> str | None:
        self.commands.append(" ".join(arguments))
        if any(words in self.commands[-1] for words in self.failing):
            return None
        name = Path(arguments[-1]).name
        return f"published {name}-0123456789ab" if arguments[1] == "publish" else ""


def plan(folder: Path) -> Plan:
    return Plan(Path("base"), Path("archive"), "live,replay", folder / "run-1")


def test_a_retraining_extends_the_data_then_fits_publishes_and_promotes(tmp_path: Path) -> None:
    said = Said()

    results = retrain(plan(tmp_path), said)

    work = tmp_path / "run-1"
    fit = f"train --data {work}/dataset --objective clicks --protocol last --no-baselines"
    assert results == {"clicks": "promoted", "revenue": "promoted"}
    assert said.commands[:4] == [
        f"data extend base --archive archive --traffic live,replay --live --out {work}/dataset",
        f"{fit} --out {work}/clicks",
        f"models publish {work}/clicks",
        "models promote clicks-0123456789ab",
    ]


class Written(Said):
    """Answers as if it had worked, and leaves the files that the commands leave."""

    def __call__(self, *arguments: str) -> str | None:
        folder = Path(arguments[-1])
        left = {
            "extend": ["events.parquet", "users.parquet", "dataset.json", "quarantine/a.parquet"],
            "--data": ["report.json", "model/manifest.json", "model.partial/diners_ids.npy",
                       *(f"model/{name}.npy" for name in SCHEMA)],
        }  # fmt: skip
        for name in left.get(arguments[1], []):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        return super().__call__(*arguments)


@pytest.mark.parametrize("failing", [(), ("objective revenue",), ("publish",)])
def test_no_row_of_a_diner_outlives_a_retraining(tmp_path: Path, failing: tuple[str, ...]) -> None:
    retrain(plan(tmp_path), Written(*failing))

    work = tmp_path / "run-1"
    left = {path.relative_to(work).as_posix() for path in work.rglob("*") if path.is_file()}
    assert left >= {"dataset/dataset.json", "clicks/report.json", "clicks/model/manifest.json"}
    assert [name for name in left if "diners_" in name] == []
    assert [name for name in left if name.endswith(".parquet")] == []
    assert "clicks/model/catalogue_lat.npy" in left or "clicks/model/vectors.npy" in left


def test_what_a_killed_retraining_left_goes_when_the_next_retrainer_starts(tmp_path: Path) -> None:
    work = tmp_path / "retrain" / "run-1"
    for name in ("dataset/events.parquet", ".dataset.abc/users.parquet", "dataset/dataset.json"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).touch()

    with open_runner("retrain", Settings(state_dir=tmp_path), ManualClock()):
        left = [path.name for path in work.rglob("*") if path.is_file()]

    assert left == ["dataset.json"]


def test_one_objective_that_fails_does_not_keep_the_other_from_being_promoted(
    tmp_path: Path,
) -> None:
    assert retrain(plan(tmp_path), Said("objective clicks")) == {
        "clicks": "failed",
        "revenue": "promoted",
    }


def test_a_model_that_its_gates_refuse_is_refused(tmp_path: Path) -> None:
    assert retrain(plan(tmp_path), Said("promote clicks"))["clicks"] == "refused"


def test_without_a_data_set_nothing_is_trained(tmp_path: Path) -> None:
    said = Said("extend")

    assert retrain(plan(tmp_path), said) == {"clicks": "failed", "revenue": "failed"}
    assert len(said.commands) == 1


def retrainer(folder: Path, train: Callable[[datetime], dict[str, Result]]) -> Retrainer:
    return Retrainer(
        folder / "archive",
        folder / "mark.json",
        LIMITS,
        train,
        clock=SystemClock(),
        metrics=Metrics(CollectorRegistry()),
    )


def run_until(watched: Retrainer, claim: Callable[[], bool]) -> None:
    thread = threading.Thread(target=watched.run)
    thread.start()
    try:
        eventually(claim)
    finally:
        watched.stop()
        thread.join(10)


def test_what_was_trained_on_is_remembered_through_a_restart(tmp_path: Path) -> None:
    archive_of(tmp_path / "archive", wire("click", "a"), order("b"), wire("click", "c"))
    trainings: list[datetime] = []

    def train(now: datetime) -> dict[str, Result]:
        trainings.append(now)
        return {"clicks": "promoted"}

    run_until(retrainer(tmp_path, train), lambda: _rows(tmp_path) == 3)
    run_until(retrainer(tmp_path, train), lambda: bool(SystemClock().sleep(0.3) or True))

    assert len(trainings) == 1


def test_other_traffic_and_other_kinds_of_event_do_not_count(tmp_path: Path) -> None:
    quiet = [wire("click", f"l{n}", traffic="load") for n in range(10)]
    archive_of(tmp_path / "archive", *quiet, *(wire("dismiss", f"d{n}") for n in range(10)))
    trainings: list[datetime] = []

    def train(now: datetime) -> dict[str, Result]:
        trainings.append(now)
        return {}

    run_until(retrainer(tmp_path, train), (tmp_path / "mark.json").exists)

    assert trainings == []


def test_a_training_that_breaks_is_counted_and_the_watch_goes_on(tmp_path: Path) -> None:
    archive_of(tmp_path / "archive", *(wire("click", f"e{n}") for n in range(5)))

    def train(_: datetime) -> dict[str, Result]:
        msg = "no room on the disk"
        raise OSError(msg)

    watched = retrainer(tmp_path, train)
    run_until(watched, lambda: _rows(tmp_path) == 5)

    mark = Mark.read(tmp_path / "mark.json")
    assert mark is not None
    assert mark.results == {"clicks": "failed", "revenue": "failed"}
    assert watched.is_alive()


def test_after_an_erasure_what_comes_is_counted_from_what_is_left(tmp_path: Path) -> None:
    archive_of(tmp_path / "archive", *(wire("click", f"e{n}") for n in range(4)))
    Mark(9, SystemClock().now(), {}).write(tmp_path / "mark.json")

    run_until(retrainer(tmp_path, lambda _: {}), lambda: _rows(tmp_path) == 4)


def _rows(folder: Path) -> int:
    mark = Mark.read(folder / "mark.json")
    return mark.rows if mark else -1
