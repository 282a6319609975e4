"""What the unit tests of the stack share."""

from pathlib import Path

import pytest

from maitred.clock import ManualClock
from services.local.launch import Launch
from services.local.probes import Probe
from services.local.server import Server
from services.local.supervisor import Ward


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    launch = Launch(
        name="inference",
        command=("true",),
        environment={},
        log=tmp_path / "inference.log",
        url="http://127.0.0.1:1",
        port=1,
        ready=Probe("tcp", "127.0.0.1:1"),
    )
    return Ward(Server(launch, ManualClock()))
