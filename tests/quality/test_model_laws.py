"""Laws that every recommender keeps, whatever it is made of."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from maitred.artifact import Model, load, score, shortlist, taste_of
from maitred.artifact.folder import read_diners
from maitred.clock import SystemClock
from maitred.features import EMPTY
from training.dataset import Dataset, build, synthesise
from training.models import RECOMMENDERS, recommender
from training.pipeline import Plan, Run, train

NAMES = sorted(RECOMMENDERS)


def silent(_stage: str, _steps: int) -> None:
    pass


def trained(dataset: Dataset, name: str, out: Path, *, seed: int = 3) -> Run:
    plan = Plan("clicks", recommender(name), "none", seed)
    return train(dataset, plan, out, code="test", clock=SystemClock(), progress=silent)


def two_tastes(extra: int = 0) -> Dataset:
    """Diners of two tastes: even ones go to r00-r09, odd ones to r10-r19, each often to one."""
    rng = np.random.Generator(np.random.PCG64(5 + extra))
    rows = []
    for diner in range(60):
        base = 10 * (diner % 2)
        for visit in range(10):
            restaurant = base + int(rng.integers(10))
            rows.append(
                {
                    "event_id": f"e{diner:02}-{visit}",
                    "user_id": f"u{diner:02}",
                    "restaurant_id": f"r{restaurant:02}",
                    "type": "order" if visit % 2 else "click",
                    "occurred_at": pd.Timestamp("2026-05-01T18:00Z")
                    + pd.Timedelta(minutes=10 * visit + diner),
                    "value_minor": 1000 + 100 * restaurant,
                    "currency": "USD",
                    "request_id": f"s{diner:02}-{visit}",
                }
            )
    places = pd.DataFrame({"restaurant_id": [f"r{i:02}" for i in range(20)]})
    return build(pd.DataFrame(rows), places, None, source="two tastes")


def lists(model: Model, folder: Path) -> dict[str, list[str]]:
    everything = model.catalogue.everything
    found = {}
    for user, row in read_diners(folder):
        taste = taste_of(row, EMPTY, model.catalogue.index)
        scored = score(model, taste, shortlist(model, taste, everything))
        order = np.argsort(-scored.log_p, kind="stable")
        found[user] = [model.catalogue.ids[i] for i in scored.candidates[order]]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_equal_inputs_give_equal_bytes(name: str, tmp_path: Path):
    dataset = two_tastes()

    first = trained(dataset, name, tmp_path / "a").model.version
    second = trained(dataset, name, tmp_path / "b").model.version

    assert first == second
    for file in sorted((tmp_path / "a" / "model").iterdir()):
        assert file.read_bytes() == (tmp_path / "b" / "model" / file.name).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_rows_changes_nothing(name: str, tmp_path: Path):
    dataset = two_tastes()
    shuffled = dataset.events.sample(frac=1.0, random_state=1)
    same = build(shuffled, dataset.restaurants, None, source=dataset.meta.source)

    first = trained(dataset, name, tmp_path / "a").model.version
    second = trained(same, name, tmp_path / "b").model.version

    assert first == second


@pytest.mark.parametrize("name", NAMES)
def test_fitting_again_forgets_the_first_fit(name: str, tmp_path: Path):
    fresh = trained(two_tastes(1), name, tmp_path / "a").model.version

    trained(two_tastes(), name, tmp_path / "b")
    after_another = trained(two_tastes(1), name, tmp_path / "c").model.version

    assert after_another == fresh


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_was_loaded_ranks_as_the_one_that_was_fitted(name: str, tmp_path: Path):
    run = trained(two_tastes(), name, tmp_path / "run")

    again = load(tmp_path / "run" / "model")

    assert lists(again, tmp_path / "run" / "model") == lists(run.model, tmp_path / "run" / "model")


@pytest.mark.parametrize("name", ["blend", "lightfm", "ease"])
def test_a_planted_taste_is_found(name: str, tmp_path: Path):
    run = trained(two_tastes(), name, tmp_path / "run")

    shown = lists(run.model, tmp_path / "run" / "model")

    own_side = [
        sum((int(r[1:]) >= 10) == bool(int(user[1:]) % 2) for r in ranked[:5])
        for user, ranked in shown.items()
    ]
    assert np.mean(own_side) > 4.5


def test_own_history_is_strict_and_most_recent_first(tmp_path: Path):
    run = trained(two_tastes(), "own-history", tmp_path / "run")

    shown = lists(run.model, tmp_path / "run" / "model")

    for user, row in read_diners(tmp_path / "run" / "model"):
        own = [run.model.catalogue.ids[i] for i in row.items]
        assert shown[user][: len(own)] == own


@pytest.mark.parametrize("name", ["blend", "lightfm", "ease"])
def test_what_is_worth_more_ranks_higher_under_revenue(name: str, tmp_path: Path):
    dataset = synthesise(5, restaurants=40, diners=250, days=21)
    worth = {}
    for objective in ("clicks", "revenue"):
        plan = Plan(objective, recommender(name), "none", 3)  # type: ignore[arg-type]
        out = tmp_path / objective
        run = train(dataset, plan, out, code="test", clock=SystemClock(), progress=silent)
        value = dict(zip(run.model.catalogue.ids, np.exp(run.model.log_values), strict=True))
        tops = [ranked[:5] for ranked in lists(run.model, out / "model").values()]
        worth[objective] = np.mean([value[r] for ranked in tops for r in ranked])

    assert worth["revenue"] > worth["clicks"]
