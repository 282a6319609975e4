"""The archive's events become a model in Redis, through kill -9 of the program that sees to it."""

from datetime import datetime
from pathlib import Path

import pytest

from maitred.settings import Settings
from maitred.store.client import connect
from maitred.store.keys import VERSIONS
from services.consumers.retrain import Mark
from tests.support.archives import archive_of, order, wire
from tests.support.datasets import run_data
from tests.support.loop import start
from tests.support.servers import LiveValkey
from tests.support.waiting import eventually


@pytest.fixture
def settings(tmp_path: Path, valkey: LiveValkey) -> Settings:
    base = tmp_path / "base"
    ran = run_data("synth", "--out", base, "--restaurants", 80, "--diners", 400, "--days", 28)
    assert ran.exit_code == 0, ran.err
    state = tmp_path / "state"
    new = [wire("click", f"c{n}", user_id=f"new{n}", traffic="replay") for n in range(4)]
    ignored = [order(f"l{n}", currency="EUR", traffic="load") for n in range(50)]
    archive_of(state / "archive", *new, *ignored)
    return Settings.model_validate(
        {
            "state_dir": state,
            "redis_url": valkey.url,
            "retrain_data": base,
            "retrain_events": 4,
            "retrain_traffic": "live,replay",
        }
    )


NOTHING = Mark(0, datetime.min, {})  # noqa: DTZ901 - never looked at


def steps_running(settings: Settings) -> list[Path]:
    return list((settings.state_dir / "logs").glob("retrain-*.step"))


def test_new_events_become_published_models_though_the_consumer_is_killed(
    settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "retrain.log"
    first = start("services.consumers", "retrain", settings=settings, log=log)
    eventually(lambda: steps_running(settings) != [], within_s=60)
    first.kill()
    first.wait()

    second = start("services.consumers", "retrain", settings=settings, log=log)
    mark_file = settings.state_dir / "retrain" / "mark.json"
    eventually(lambda: (Mark.read(mark_file) or NOTHING).results != {}, within_s=200)
    mark = Mark.read(mark_file)
    second.terminate()

    assert mark is not None
    assert mark.rows == 4
    assert set(mark.results) == {"clicks", "revenue"}
    assert "failed" not in mark.results.values(), log.read_text()
    assert second.wait(10) == 0
    with connect(settings.redis_url or "") as redis:
        assert redis.scard(VERSIONS) == 2
    logs = sorted((settings.state_dir / "logs").glob("retrain-*.log"))
    assert "4 events of live, replay traffic added" in logs[-1].read_text()
