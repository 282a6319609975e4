"""Whoever started the relay is gone, without a word: the relay ends by itself."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from maitred.settings import Settings
from services.inference.datagram import pack
from tests.support.impressions import impression
from tests.support.loop import environment_of, loop_settings
from tests.support.waiting import eventually

NO_KAFKA = "127.0.0.1:9"


@contextmanager
def started_by_another(
    settings: Settings, receiver: socket.socket
) -> Iterator[tuple["subprocess.Popen[bytes]", psutil.Process]]:
    """A starter that may be killed, and the relay that it started."""
    fd = receiver.fileno()
    parent = (
        "import subprocess, sys\n"
        "relay = subprocess.Popen([sys.executable, '-m', 'services.inference.relay'],"
        f" pass_fds=({fd},), stdin=subprocess.PIPE)\n"
        "print(relay.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", parent],
        env=environment_of(settings),
        pass_fds=(fd,),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with starter:
        assert starter.stdout is not None
        relay = psutil.Process(int(starter.stdout.readline()))
        try:
            yield starter, relay
        finally:
            starter.kill()
            if relay.is_running():
                relay.kill()


@pytest.mark.parametrize("is_at_work", [True, False], ids=["at work", "still importing"])
def test_it_ends_with_the_program_that_started_it(tmp_path: Path, *, is_at_work: bool) -> None:
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    settings = loop_settings(tmp_path, NO_KAFKA, impressions_fd=receiver.fileno())
    with sender, receiver, started_by_another(settings, receiver) as (starter, relay):
        if is_at_work:
            sender.send(pack(impression(0)))
            eventually(lambda: any((tmp_path / "spool").rglob("*.seg")))

        starter.kill()
        gone, _ = psutil.wait_procs([relay], timeout=15)

    assert gone == [relay]
