"""``python -m loadtests.volume`` on little: what it says is what it made."""

import json
import subprocess
import sys
from pathlib import Path

from maitred.settings import child_environment
from tests.support.repository import ROOT


def test_many_events_are_archived_and_replayed(tmp_path: Path) -> None:
    environment = {**child_environment(), "PYTHONPATH": str(ROOT)}
    flags = ("--events", "60000", "--replayed", "20000")

    ran = subprocess.run(
        [sys.executable, "-m", "loadtests.volume", *flags],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    report = json.loads((tmp_path / ".maitred/reports/volume.json").read_bytes())
    assert report["archive"]["events"] == 60_000
    assert 0 < report["archive"]["start_mib"] < report["archive"]["peak_mib"]
    assert 16 < report["archive"]["index_bytes_an_event"] < 200  # an id has 16 bytes
    assert (report["replay"]["from_archive"], report["replay"]["from_log"]) == (20_000, 0)
    assert report["replay"]["diners"] == 2_000
    assert "| events archived" in ran.stdout
