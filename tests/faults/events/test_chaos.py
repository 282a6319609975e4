"""The short form of ``make chaos``: each kind of kill once, a fixed seed, under a stream of events."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.chaos.plan import KINDS
from maitred.settings import child_environment
from tests.support.repository import ROOT


@pytest.mark.timeout(290)
def test_what_is_accepted_survives_each_kind_of_kill_once(tmp_path: Path) -> None:
    environment = {**child_environment(), "PYTHONPATH": str(ROOT)}
    flags = (
        "--rounds",
        str(len(KINDS)),
        "--seed",
        "7",
        "--short",
        "--state",
        str(tmp_path / "run"),
    )

    ran = subprocess.run(
        [sys.executable, "-m", "loadtests.chaos", *flags],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads((tmp_path / ".maitred/reports/chaos.json").read_bytes())
    counts = report["counts"]
    assert {strike["kind"] for strike in report["struck"]} == set(KINDS)
    assert counts["accepted"] == counts["archived"] > 1_000
    assert counts["in the log twice"] > 0
    assert counts["in the archive twice"] == counts["missing"] == 0
    assert counts["diners"] > 200
    assert ran.stdout.splitlines()[-1].endswith("passed")
