"""`train`, `evaluate`, `recommend`, `tradeoff` and `models`, as people use them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from maitred.artifact import load as load_model
from maitred.artifact.folder import read_diners
from tests.support.datasets import small_dataset
from tests.support.servers import LiveValkey
from tests.support.training import lines_of, published_version, run_maitred
from training.dataset import Dataset, load, save, synthesise


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city") / "data"
    save(synthesise(11, restaurants=60, diners=400, days=28), folder)
    return folder


@pytest.fixture(scope="module")
def runs(city: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("runs")
    for objective in ("clicks", "revenue"):
        ran = run_maitred(
            "train", "--data", city, "--objective", objective, "--out", home / objective
        )
        assert ran.exit_code == 0, ran.err
    return {objective: home / objective for objective in ("clicks", "revenue")}


def test_a_training_leaves_a_model_a_report_and_a_picture(runs: dict[str, Path]):
    run = runs["clicks"]

    names = {path.name for path in run.iterdir()}

    assert {"model", "report.json", "report.md", "report.svg", "tradeoff"} <= names
    report = json.loads((run / "report.json").read_text())
    assert set(report["slices"]) == {"all", "new", "cold"}
    manifest = load_model(run / "model").manifest
    assert manifest.fitted_on == "all"
    assert manifest.default_weight == report["tradeoff"]["chosen"]
    assert manifest.metrics["all"]["n"] == report["slices"]["all"]["n"]  # type: ignore[index,call-overload]


def test_a_revenue_run_has_no_dial_and_says_where_value_is(runs: dict[str, Path], city: Path):
    manifest = load_model(runs["revenue"] / "model").manifest

    ran = run_maitred("tradeoff", "--run", runs["revenue"], "--data", city, "--out", "unused")

    assert "value" in manifest.ranker.features
    assert "count twice" in manifest.value_statement
    assert (ran.exit_code, Path("unused").exists()) == (1, False)
    assert "next: name a run trained with --objective clicks" in ran.err


def test_evaluate_measures_what_train_measured(runs: dict[str, Path], city: Path, tmp_path: Path):
    out = tmp_path / "report.json"

    ran = run_maitred("evaluate", "--run", runs["clicks"], "--data", city, "--out", out)

    assert ran.exit_code == 0, ran.err
    again, first = (
        json.loads(out.read_text()),
        json.loads((runs["clicks"] / "report.json").read_text()),
    )
    assert again["slices"] == first["slices"]


def test_tradeoff_writes_the_sweep_in_three_forms(
    runs: dict[str, Path], city: Path, tmp_path: Path
):
    ran = run_maitred(
        "tradeoff", "--run", runs["clicks"], "--data", city, "--out", tmp_path / "card"
    )

    assert ran.exit_code == 0, ran.err
    assert sorted(p.name for p in (tmp_path / "card").iterdir()) == [
        "tradeoff.json",
        "tradeoff.md",
        "tradeoff.svg",
    ]
    sweep = json.loads((tmp_path / "card" / "tradeoff.json").read_text())
    assert [p["weight"] for p in sweep["test"]][::20] == [0.0, 1.0]


def test_recommend_answers_every_diner_asked_in_input_order(runs: dict[str, Path], tmp_path: Path):
    known = [user for user, _ in read_diners(runs["clicks"] / "model")][:2]
    users = tmp_path / "users.txt"
    users.write_text(f"{known[1]}\nstranger\n{known[0]}\n{known[1]}\n")

    ran = run_maitred(
        "recommend", "--run", runs["clicks"], "--users", users, "--out", tmp_path / "l.jsonl"
    )

    assert ran.exit_code == 0, ran.err
    answers = [json.loads(line) for line in lines_of(tmp_path / "l.jsonl")]
    assert [a["user_id"] for a in answers] == [known[1], "stranger", known[0], known[1]]
    assert [a["rung"] for a in answers] == [
        "personalised", "popular", "personalised", "personalised",
    ]  # fmt: skip
    assert [item["rank"] for item in answers[1]["items"]] == list(range(1, 11))
    assert answers[0] == answers[3]


def test_recommend_masks_what_is_known_and_excluded_and_turns_the_dial(
    runs: dict[str, Path], tmp_path: Path
):
    model = load_model(runs["clicks"] / "model")
    user, row = next(iter(read_diners(runs["clicks"] / "model")))
    known = {model.catalogue.ids[i] for i in row.items}
    barred = next(r for r in model.catalogue.ids if r not in known)
    users = tmp_path / "users.jsonl"
    users.write_text(json.dumps({"user_id": user, "exclude": [barred]}) + "\n")

    shown = {}
    for weight in ("0", "1"):
        ran = run_maitred(
            "recommend", "--run", runs["clicks"], "--users", users, "--seen", "mask",
            "--revenue-weight", weight, "--k", 20, "--out", tmp_path / "l.parquet",
        )  # fmt: skip
        assert ran.exit_code == 0, ran.err
        line = pd.read_parquet(tmp_path / "l.parquet").iloc[0]
        shown[weight] = [item["restaurant_id"] for item in line["items"]]

    assert not (known | {barred}) & set(shown["0"])
    assert shown["0"] != shown["1"]


def test_a_missing_column_of_diners_is_named(runs: dict[str, Path], tmp_path: Path):
    users = tmp_path / "users.csv"
    users.write_text("id,lat\nu1,1\n")

    ran = run_maitred("recommend", "--run", runs["clicks"], "--users", users)

    assert ran.exit_code == 2
    assert "no column user_id; it has id, lat" in ran.err


def test_a_model_goes_from_run_to_served_and_back(
    runs: dict[str, Path], city: Path, tmp_path: Path, valkey: LiveValkey
):
    first = published_version(
        run_maitred("models", "publish", runs["clicks"], redis_url=valkey.url).out
    )
    assert run_maitred("models", "promote", first, redis_url=valkey.url).exit_code == 0
    run_maitred("train", "--data", city, "--objective", "clicks", "--seed", 8, "--out", tmp_path)

    second = published_version(run_maitred("models", "publish", tmp_path, redis_url=valkey.url).out)
    promoted = run_maitred("models", "promote", second, redis_url=valkey.url)
    listed = run_maitred("models", "list", "--json", redis_url=valkey.url).json
    back = run_maitred("models", "rollback", redis_url=valkey.url)

    assert promoted.exit_code == 0, promoted.err
    assert listed["current"]["clicks"] == second
    assert back.out.split()[0] == first


def test_a_verdict_about_another_champion_is_judged_again_by_gate(
    runs: dict[str, Path], city: Path, tmp_path: Path, valkey: LiveValkey
):
    run_maitred("train", "--data", city, "--objective", "clicks", "--seed", 8, "--out", tmp_path)
    versions = [
        published_version(run_maitred("models", "publish", run, redis_url=valkey.url).out)
        for run in (runs["clicks"], tmp_path)
    ]
    run_maitred("models", "promote", versions[0], redis_url=valkey.url)

    refused = run_maitred("models", "promote", versions[1], redis_url=valkey.url)
    judged = run_maitred("models", "gate", versions[1], redis_url=valkey.url)
    accepted = run_maitred("models", "promote", versions[1], redis_url=valkey.url)

    assert (refused.exit_code, judged.exit_code, accepted.exit_code) == (1, 0, 0)
    assert f"models gate {versions[1]}" in refused.err


def test_popularity_is_refused_by_its_own_gate(city: Path, tmp_path: Path, valkey: LiveValkey):
    run_maitred(
        "train", "--data", city, "--objective", "clicks", "--model", "popularity",
        "--no-baselines", "--out", tmp_path,
    )  # fmt: skip

    published = run_maitred("models", "publish", tmp_path, redis_url=valkey.url)
    promoted = run_maitred(
        "models", "promote", published_version(published.out), redis_url=valkey.url
    )

    assert promoted.exit_code == 1
    assert "does not surely lead popularity" in promoted.err


def test_without_a_stack_or_a_setting_models_says_what_to_start(tmp_path: Path):
    ran = run_maitred("models", "list", state_dir=tmp_path)

    assert ran.exit_code == 1
    assert "maitred up" in ran.err


def one_of(count: int, **columns: list[str]) -> list[dict[str, object]]:
    return [
        {name: values[i % len(values)] for name, values in columns.items()} for i in range(count)
    ]


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        (small_dataset(one_of(9, restaurant_id=["r1", "r2"])), "1 diner(s)"),
        (small_dataset(one_of(9, user_id=["u1", "u2"])), "1 restaurant(s)"),
        (
            small_dataset(one_of(2, user_id=["u1", "u2"], restaurant_id=["r1", "r2"])),
            "no choice to hold out",
        ),
        (
            small_dataset(one_of(3, user_id=["u1", "u1", "u2"], restaurant_id=["r1", "r2", "r3"])),
            "too little to fit a ranker on",
        ),
    ],
    ids=["one diner", "one restaurant", "no second choice", "no third choice"],
)
def test_too_little_data_is_refused_with_reason_and_next_step(
    dataset: Dataset, reason: str, tmp_path: Path
):
    save(dataset, tmp_path / "data")

    ran = run_maitred(
        "train", "--data", tmp_path / "data", "--objective", "clicks", "--out", tmp_path / "run"
    )

    assert ran.exit_code == 1
    assert reason in ran.err
    assert "next: " in ran.err
    assert not (tmp_path / "run").exists()


def test_revenue_without_values_is_refused_and_says_what_to_map(city: Path, tmp_path: Path):
    known = load(city)
    bare = known.events.assign(value_minor=None, currency=None)
    save(small_dataset(bare.to_dict("records")), tmp_path / "data")

    ran = run_maitred(
        "train", "--data", tmp_path / "data", "--objective", "revenue", "--out", tmp_path / "run"
    )

    assert ran.exit_code == 1
    assert "map `value`" in ran.err


def test_an_unknown_model_is_wrong_usage_and_the_known_ones_are_listed(city: Path, tmp_path: Path):
    ran = run_maitred(
        "train", "--data", city, "--objective", "clicks", "--model", "magic", "--out", tmp_path
    )

    assert ran.exit_code == 2
    assert "blend, lightfm, ease" in ran.err


def test_a_folder_that_holds_something_else_is_left_alone(city: Path, tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work")

    ran = run_maitred("train", "--data", city, "--objective", "clicks", "--out", tmp_path)

    assert ran.exit_code == 1
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_strangers_are_judged_by_the_list_that_serving_would_give_them(city: Path, tmp_path: Path):
    known = load(city)
    late = known.events.index >= int(len(known.events) * 0.8)
    renamed = known.events["user_id"].where(~late, "new-" + known.events["user_id"])
    dataset = small_dataset(known.events.assign(user_id=renamed).to_dict("records"))
    save(dataset, tmp_path / "data")

    ran = run_maitred(
        "train", "--data", tmp_path / "data", "--objective", "clicks", "--protocol", "time",
        "--no-refit", "--no-baselines", "--out", tmp_path / "run",
    )  # fmt: skip

    assert ran.exit_code == 0, ran.err
    slices = json.loads((tmp_path / "run" / "report.json").read_text())["slices"]
    mine, segment = slices["all"]["models"]["blend [clicks]"], slices["cold"]["models"]["segment"]
    assert mine["hit_rate_10"] == segment["hit_rate_10"]
    assert mine["coverage"] == segment["coverage"]
