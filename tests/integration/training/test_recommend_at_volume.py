"""`maitred recommend` for many diners: the lists of the single path, in input order, in any form."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from maitred.artifact import load, score, shortlist, taste_of
from maitred.artifact.folder import read_diners
from maitred.features import EMPTY
from maitred.policy import dial, greedy
from tests.support.training import lines_of, run_maitred
from training.dataset import save, synthesise


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("volume")
    save(synthesise(5, restaurants=620, diners=300, days=21), home / "data")
    ran = run_maitred(
        "train", "--data", home / "data", "--objective", "clicks", "--protocol", "none",
        "--no-baselines", "--out", home / "run",
    )  # fmt: skip
    assert ran.exit_code == 0, ran.err
    return home / "run"


def recommend(run: Path, out: Path, *more: object) -> list[dict[str, object]]:
    ran = run_maitred("recommend", "--run", run, "--out", out, *more)
    assert ran.exit_code == 0, ran.err
    return [json.loads(line) for line in lines_of(out)]


@pytest.mark.parametrize("weight", [None, 0.6])
def test_every_diner_gets_the_list_of_the_single_path(
    run: Path, tmp_path: Path, weight: float | None
):
    dialled = [] if weight is None else ["--revenue-weight", weight]

    lines = recommend(run, tmp_path / "l.jsonl", *dialled)

    model, rows = load(run / "model"), list(read_diners(run / "model"))
    assert [line["user_id"] for line in lines] == [user for user, _ in rows]
    assert len(model.catalogue) > 500  # so that there is something to shortlist
    for line, (_, row) in zip(lines, rows, strict=True):
        taste = taste_of(row, EMPTY, model.catalogue.index)
        scored = score(model, taste, shortlist(model, taste, model.catalogue.everything))
        scores = dial(scored.log_p, scored.log_v, weight)
        best = greedy(scores, 10)
        items: list[dict[str, object]] = line["items"]  # type: ignore[assignment]
        ids = [model.catalogue.ids[i] for i in scored.candidates[best]]
        assert [item["restaurant_id"] for item in items] == ids
        np.testing.assert_allclose([item["score"] for item in items], scores[best], atol=1e-5)


def test_all_is_the_same_as_naming_nobody(run: Path, tmp_path: Path):
    unnamed = recommend(run, tmp_path / "a.jsonl")

    assert recommend(run, tmp_path / "b.jsonl", "--users", "all") == unnamed


def test_both_forms_say_the_same_and_a_block_may_hold_anybody(run: Path, tmp_path: Path):
    known = [user for user, _ in read_diners(run / "model")]
    asked = [
        {"user_id": user if i % 3 else f"stranger-{i}", "lat": 41.9, "lon": -87.6,
         "at": "2026-05-01T19:00:00", "exclude": ["r00001"] if i % 5 == 0 else []}
        for i, user in enumerate(known * 4)
    ]  # fmt: skip
    (tmp_path / "users.jsonl").write_text("".join(json.dumps(a) + "\n" for a in asked))

    lines = recommend(run, tmp_path / "l.jsonl", "--users", tmp_path / "users.jsonl", "--k", 4)
    ran = run_maitred(
        "recommend", "--run", run, "--users", tmp_path / "users.jsonl", "--k", 4,
        "--out", tmp_path / "l.parquet",
    )  # fmt: skip

    assert ran.exit_code == 0, ran.err
    assert [line["user_id"] for line in lines] == [a["user_id"] for a in asked]
    frame = pd.read_parquet(tmp_path / "l.parquet")
    assert frame["rung"].tolist() == [line["rung"] for line in lines]
    assert [list(items) for items in frame["items"]] == [line["items"] for line in lines]
    assert len({line["rung"] for line in lines}) > 1


def test_a_row_that_cannot_be_read_leaves_no_half_a_file(run: Path, tmp_path: Path):
    rows = "".join(f"u{i},41.9,-87.6\n" for i in range(3000))
    (tmp_path / "users.csv").write_text(f"user_id,lat,lon\n{rows}u1,north,0\n")

    ran = run_maitred(
        "recommend", "--run", run, "--users", tmp_path / "users.csv", "--out", tmp_path / "l.jsonl"
    )

    assert ran.exit_code == 1
    assert "row 3001 of the diners" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["users.csv"]
