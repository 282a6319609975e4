"""A master and its processes: changed under load, failing, killed."""

import asyncio
import os
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from loadtests.wire import Exchange, Pool, get_request
from maitred.settings import child_environment
from tests.support.masters import CLOCK, COMMAND, LiveMaster, is_alive, mastered
from tests.support.waiting import eventually


@dataclass
class Load:
    """What became of requests that were sent when they were due."""

    exchanges: list[Exchange]

    @property
    def failures(self) -> Counter[str]:
        return Counter(str(e.failure or e.status) for e in self.exchanges if e.status != 200)

    @property
    def resent(self) -> int:
        return sum(exchange.resent for exchange in self.exchanges)


async def offer(live: LiveMaster, rate: float, until: threading.Event) -> Load:
    pool = Pool(live.address, 64, CLOCK, lambda _: None)
    await pool.warm(32)
    load = Load([])
    paths = ("/slow/0.3", "/pid", "/pid", "/pid")  # some are always being answered
    payloads = [get_request(live.address, path) for path in paths]
    started = CLOCK.monotonic()
    while not until.is_set():
        due = started + len(load.exchanges) / rate
        await CLOCK.wait(max(due - CLOCK.monotonic(), 0.0))
        number = len(load.exchanges)
        load.exchanges.append(Exchange(number, payloads[number % len(payloads)], due + 2.0))
        pool.submit(load.exchanges[-1])
    while pool.pending:
        await CLOCK.wait(0.02)
        pool.give_up(CLOCK.monotonic())
    await pool.close()
    return load


def rolled_under_load(live: LiveMaster, times: int, *, fails: bool = False) -> Load:
    """Restart so many times while requests come, 200 a second; return what became of them."""
    until, loads = threading.Event(), list[Load]()
    thread = threading.Thread(target=lambda: loads.append(asyncio.run(offer(live, 200, until))))
    thread.start()
    try:
        for number in range(1, times + 1):
            live.reload()
            eventually(lambda n=number: has_rolled(live, n, fails=fails), live.log)
    finally:
        until.set()
        thread.join(15)
    return loads[0]


def has_rolled(live: LiveMaster, times: int, *, fails: bool) -> bool:
    record = live.record()
    assert any(worker.ready for worker in record.workers), "a moment without a ready worker"
    return (record.failures if fails else record.rolls) == times and record.phase == "running"


@pytest.fixture
def one(tmp_path: Path) -> Iterator[LiveMaster]:
    with mastered(tmp_path / "state") as live:
        yield live


@pytest.mark.parametrize("workers", [1, 2])
def test_no_request_fails_while_everything_is_restarted_twice(tmp_path: Path, workers: int) -> None:
    with mastered(tmp_path / "state", workers=workers) as live:
        before = {*live.workers(), live.companion()}

        load = rolled_under_load(live, 2)

        after = {*live.workers(), live.companion()}
        code = live.end()

    assert len(load.exchanges) > 100
    assert load.failures == {}
    assert load.resent <= 2 * workers  # one for each worker that left: rare, and allowed
    assert len(after) == workers + 1
    assert not before & after
    assert not any(map(is_alive, before | after))
    assert code == 0
    assert "Traceback" not in live.log()


def test_a_new_worker_that_cannot_start_leaves_the_old_one_at_its_work(one: LiveMaster) -> None:
    before = [*one.workers(), one.companion()]
    (one.state / "broken").touch()

    load = rolled_under_load(one, 1, fails=True)

    record = one.record()
    assert load.failures == {}
    assert [*one.workers(), one.companion()] == before
    assert (record.rolls, record.failures) == (0, 1)
    assert "the kitchen is closed" in str(record.reason)


def test_a_restart_asked_for_too_early_is_done_once_everything_is_ready(tmp_path: Path) -> None:
    with mastered(tmp_path / "state", ready=False) as live:
        eventually((live.state / "programs/inference-0/master.json").exists)
        was = live.record().phase
        live.reload()

        eventually(lambda: live.record().rolls == 1, live.log)

    assert was == "starting"


def test_a_full_disk_ends_nothing(one: LiveMaster) -> None:
    before = one.workers()
    record = one.folder.root / "master.json"
    record.unlink()
    record.mkdir()  # what is written cannot take its place
    one.reload()
    eventually(lambda: "has new processes" in one.log(), one.log)

    reply = one.get("/pid")

    assert reply.status_code == 200
    assert reply.json()["pid"] not in before
    assert "could not be written" in one.log()


def test_a_program_that_never_started_ends_with_the_reason(tmp_path: Path) -> None:
    with mastered(tmp_path / "state", ready=False, seed=404) as live:
        code = live.process.wait(20)
    pids = [int(pid) for pid in re.findall(r"starts \(pid (\d+)\)", live.log())]

    assert code == 1
    assert "maitred: inference could not start" in live.log()
    assert "the kitchen is closed" in live.log().partition("maitred: ")[2]
    assert len(pids) == 2
    assert not any(map(is_alive, pids))


def test_a_port_that_is_taken_is_refused(one: LiveMaster) -> None:
    environment = child_environment(state_dir=one.state, inference_port=one.port)

    second = subprocess.run(
        COMMAND, env=environment, capture_output=True, text=True, timeout=20, check=False
    )

    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{one.port}" in second.stderr
    assert one.get("/pid").status_code == 200


def test_a_killed_worker_is_replaced_and_its_gauges_leave_the_sums(tmp_path: Path) -> None:
    with mastered(tmp_path / "state", workers=2) as live:
        for _ in range(20):
            live.get("/pid")
        victim = live.workers()[0]
        whole = live.get("/metrics").text

        os.kill(victim, signal.SIGKILL)
        eventually(lambda: victim not in live.workers())
        eventually(lambda: [worker.ready for worker in live.record().workers] == [True, True])

        healed = live.get("/metrics").text

    assert value(whole, "maitred_events_spooled_total") == 20
    assert value(healed, "maitred_events_spooled_total") == 20  # what the dead one counted stays
    assert value(whole, "maitred_spool_bytes") == 200
    assert value(healed, "maitred_spool_bytes") == 200  # not 300
    assert f"pid {victim}) ended: it was ended by signal 9" in live.log()


def value(metrics: str, name: str) -> float:
    lines = [line for line in metrics.splitlines() if line.startswith(f"{name} ")]
    assert len(lines) == 1, metrics
    return float(lines[0].rpartition(" ")[2])


def test_a_companion_that_dies_finds_what_was_sent_meanwhile(one: LiveMaster) -> None:
    one.get("/pid?n=1")
    eventually(lambda: one.received() == ["1"])
    before = one.companion()
    os.kill(before, signal.SIGSTOP)
    one.get("/pid?n=2")
    os.kill(before, signal.SIGKILL)
    one.get("/pid?n=3")

    eventually(lambda: one.received() == ["1", "2", "3"])

    assert one.companion() != before
