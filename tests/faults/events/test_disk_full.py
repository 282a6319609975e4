"""A disk that runs full costs events a 503 while Kafka is away, and nothing else anything."""

import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import orjson
import pytest

from services.eventlog.frames import decode_entries
from tests.support.doors import KEY, Door, click, opened
from tests.support.waiting import eventually

DISK = 256 * 1024


@contextmanager
def small_disk(at: Path) -> Iterator[None]:
    """A file system with room for 256 KiB."""
    at.mkdir()
    mount = [
        shutil.which("mount") or "mount",
        "-t",
        "tmpfs",
        "-o",
        f"size={DISK}",
        "tmpfs",
        str(at),
    ]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a file system")
    try:
        yield
    finally:
        subprocess.run([shutil.which("umount") or "umount", "-l", str(at)], check=True)


@contextmanager
def short_files(_at: Path) -> Iterator[None]:
    """No file of this process grows beyond 256 KiB: the write that crosses it is cut short."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (DISK, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


@pytest.fixture(params=[small_disk, short_files], ids=lambda made: made.__name__)
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Door]:
    with ExitStack() as stack:
        stack.enter_context(request.param(tmp_path / "spool"))
        yield stack.enter_context(opened(tmp_path, max_bytes=1 << 30))


def batch(number: int) -> list[dict[str, object]]:
    return [click(f"{number}-{at}", user_id=f"diner {at % 7}") for at in range(100)]


def until_refused(door: Door) -> tuple[int, int]:
    """Send batches while the log is away; return how many got in, and the status of the first not."""
    for number in range(100):
        reply = door.post({"events": batch(number)})
        if reply.status_code != 202:
            return number, reply.status_code
    raise AssertionError


def test_what_was_accepted_is_kept_and_what_was_not_is_503(door: Door) -> None:
    door.behind.broker.is_away = True
    taken, status = until_refused(door)
    again = door.post({"events": batch(taken)})
    lone = door.client.delete("/v1/users/anna", headers=KEY)

    assert taken > 2
    assert (status, again.status_code) == (503, 503)
    assert again.headers["retry-after"] == "1"
    assert "the spool cannot be written" in again.json()["detail"]
    assert "makes room on its disk" in again.json()["next_step"]
    assert lone.status_code in {202, 503}  # one event may still find room
    assert door.behind.publisher.spooled == 100 * taken + (lone.status_code == 202)
    # everything else goes on
    assert door.client.get("/readyz").json()["ready"] is True
    assert door.client.get("/healthz").status_code == 200
    assert door.client.get("/v1/events/schema/1").status_code == 200
    refused = "No space left" in again.text or "File too large" in again.text
    assert refused, again.text
    assert 'maitred_events_total{outcome="accepted"' in door.client.get("/metrics").text


def test_no_segment_ends_in_half_an_entry(door: Door, tmp_path: Path) -> None:
    door.behind.broker.is_away = True
    taken, _ = until_refused(door)
    until_refused(door)

    segments = sorted((tmp_path / "spool").rglob("*.seg"))
    found = [decode_entries(path.read_bytes()) for path in segments]
    assert sum(len(entries) for entries, _ in found) == 100 * taken
    assert [size for _, size in found] == [path.stat().st_size for path in segments]
    assert len(segments) <= 2  # a refusal leaves no file behind


def test_once_the_log_is_back_all_that_was_accepted_is_there_and_more_is_taken(door: Door) -> None:
    door.behind.broker.is_away = True
    taken, _ = until_refused(door)
    door.behind.broker.is_away = False

    assert door.post({"events": batch(taken)}).status_code in {202, 503}
    eventually(lambda: door.behind.publisher.spooled == 0)
    assert door.statuses(*batch(taken)) in (["accepted"] * 100, ["duplicate"] * 100)

    sent = {event["event_id"] for number in range(taken + 1) for event in batch(number)}
    assert {orjson.loads(value)["event_id"] for value in door.behind.values()} == sent


def test_near_its_cap_the_spool_is_kept_for_what_is_under_way(tmp_path: Path) -> None:
    with opened(tmp_path, max_bytes=200_000) as door:
        door.behind.broker.is_away = True
        _, status = until_refused(door)
        reply = door.post(click())

        assert (status, reply.status_code) == (429, 429)
        assert reply.headers["retry-after"] == "1"
        assert "nearly full" in reply.json()["detail"]
        full = door.behind.metric("maitred_spool_bytes") / 200_000
        assert 0.9 <= full < 1.0
        # a wish to be forgotten still finds room
        assert door.client.delete("/v1/users/anna", headers=KEY).status_code == 202
