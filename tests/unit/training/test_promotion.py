"""Gates: each has a figure, a limit and a reason, and the worst one decides."""

from pathlib import Path

import pytest
from pydantic import JsonValue

from maitred.artifact import Check, Manifest, Verdict, read_manifest
from tests.support.models import tiny_run
from training.promotion import judge

PARITY = Check(name="parity", value=1e-7, limit=1e-5, passed=True, reason="scores agree")


def model(
    tmp_path: Path, *, lead: float = 0.05, hits: float = 0.2, checks: tuple[Check, ...] = (PARITY,)
) -> tuple[Path, Manifest]:
    folder = tiny_run(tmp_path / "run") / "model"
    manifest = read_manifest(folder)[1]
    measured: dict[str, JsonValue] = {
        "all": {
            "hit_rate_10": [hits, hits - 0.01, hits + 0.01],
            "over_popularity": {"hit_rate_10": [lead, lead - 0.01, lead + 0.01]},
        }
    }
    gates = Verdict(passed=True, champion=None, checks=list(checks))
    return folder, manifest.model_copy(update={"metrics": measured, "gates": gates})


def refusals(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if not check.passed]


def test_a_sound_model_that_leads_popularity_passes_without_a_champion(tmp_path: Path):
    folder, manifest = model(tmp_path)

    verdict = judge(folder, manifest, None)

    assert (verdict.passed, verdict.champion) == (True, None)
    assert [c.name for c in verdict.checks] == ["sound", "parity", "beats popularity"]


def test_a_lead_that_may_be_chance_is_refused(tmp_path: Path):
    folder, manifest = model(tmp_path, lead=0.009)

    assert refusals(judge(folder, manifest, None)) == ["beats popularity"]


def test_a_model_that_was_never_measured_is_refused_with_the_way_out(tmp_path: Path):
    folder, manifest = model(tmp_path)

    verdict = judge(folder, manifest.model_copy(update={"metrics": {}}), None)

    assert refusals(verdict) == ["beats popularity"]
    assert "--protocol last" in verdict.checks[-1].reason


def test_a_model_without_parity_is_refused(tmp_path: Path):
    folder, manifest = model(tmp_path, checks=())

    assert refusals(judge(folder, manifest, None)) == ["parity"]


def test_a_flipped_byte_is_refused_as_unsound(tmp_path: Path):
    folder, manifest = model(tmp_path)
    raw = bytearray((folder / "popularity.npy").read_bytes())
    raw[-1] ^= 1
    (folder / "popularity.npy").write_bytes(bytes(raw))

    assert refusals(judge(folder, manifest, None)) == ["sound"]


@pytest.mark.parametrize(("hits", "passes"), [(0.191, True), (0.189, False)])
def test_a_model_may_be_a_little_worse_than_the_champion_but_not_more(
    tmp_path: Path,
    hits: float,
    passes: bool,  # noqa: FBT001 - a parameter of the test
):
    _, champion = model(tmp_path / "champion", hits=0.2)
    folder, manifest = model(tmp_path, hits=hits)

    verdict = judge(folder, manifest, ("clicks-0123456789ab", champion))

    assert (verdict.passed, verdict.champion) == (passes, "clicks-0123456789ab")
