"""The harness reproduces the known points of Entree, and the default model earns its place."""

import json
from typing import Any

import pytest

from tests.support.training import run_maitred
from training.dataset import Dataset, save


@pytest.fixture(scope="module")
def report(entree: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("entree-table")
    save(entree, home / "data")
    ran = run_maitred(
        "train", "--data", home / "data", "--objective", "clicks", "--no-refit",
        "--out", home / "run",
    )  # fmt: skip
    assert ran.exit_code == 0, ran.err
    found: dict[str, Any] = json.loads((home / "run" / "report.json").read_text())
    return found


def hits(report: dict[str, Any], name: str, model: str) -> float:
    value: float = report["slices"][name]["models"][model]["hit_rate_10"][0]
    return value


def test_both_slices_have_the_known_sizes(report: dict[str, Any]):
    assert {n: t["n"] for n, t in report["slices"].items()} == {
        "all": 8555,
        "new": 7045,
        "cold": 8555,
    }


@pytest.mark.parametrize(
    ("slice_name", "model", "known", "within"),
    [
        ("new", "popularity", 0.083, 0.003),
        ("new", "ease", 0.138, 0.004),
        ("new", "choice-popularity", 0.107, 0.003),
        ("all", "own-history-then-popularity", 0.163, 0.003),
        ("all", "own-history-then-choice-popularity", 0.179, 0.003),
        ("all", "own-history-then-ease", 0.194, 0.005),
    ],
)
def test_a_known_point_is_reproduced(
    report: dict[str, Any], slice_name: str, model: str, known: float, within: float
):
    assert hits(report, slice_name, model) == pytest.approx(known, abs=within)


def test_lightfm_alone_reaches_its_known_quality(report: dict[str, Any]):
    assert hits(report, "new", "lightfm") >= 0.128


def test_the_default_model_leads_every_baseline_on_new_restaurants_beyond_chance(
    report: dict[str, Any],
):
    leads = {n: m["hit_rate_10"] for n, m in report["slices"]["new"]["against"].items()}

    assert {name: lead for name, lead in leads.items() if lead[1] <= 0} == {}


def test_the_default_model_matches_the_linear_reference(report: dict[str, Any]):
    assert hits(report, "all", "blend [clicks]") >= 0.198
    assert hits(report, "new", "blend [clicks]") >= 0.150


def test_the_chosen_dial_gains_value_and_keeps_nearly_all_hits(report: dict[str, Any]):
    sweep = report["tradeoff"]
    point = next(p for p in sweep["test"] if p["weight"] == sweep["chosen"])

    assert point["hits_change"][0] > -0.04
    assert point["value_change"][1] > 0.0


def test_the_report_says_that_money_is_assumed(report: dict[str, Any]):
    assert report["assumed_values"]
    assert "price band" in report["assumption"]
