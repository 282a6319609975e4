"""A model that was trained on pseudonyms: it says so, and answers to the ids that people know."""

import json
from pathlib import Path

import pytest

from maitred.artifact import load as load_model
from maitred.ids import key_fingerprint, pseudonym
from tests.support.training import lines_of, run_maitred
from training.dataset import load, synthesise

KEY = "a key that nobody guesses"
SIZE = ("--restaurants", 60, "--diners", 300, "--days", 28, "--seed", 11)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("pseudonymous")
    made = run_maitred("data", "synth", "--out", home / "data", *SIZE, pseudonym_key=KEY)
    assert made.exit_code == 0, made.err
    ran = run_maitred(
        "train", "--data", home / "data", "--objective", "clicks", "--out", home / "run",
        "--no-baselines", pseudonym_key=KEY,
    )  # fmt: skip
    assert ran.exit_code == 0, ran.err
    return home


@pytest.fixture(scope="module")
def known() -> str:
    """A diner of the city by the id that people know, with a long history."""
    events = synthesise(11, restaurants=60, diners=300, days=28).events
    return str(events["user_id"].value_counts().index[0])


def test_the_manifest_names_the_key_and_the_rows_the_pseudonyms(home: Path, known: str) -> None:
    manifest = load_model(home / "run" / "model").manifest

    assert manifest.data.pseudonym_key_fingerprint == key_fingerprint(KEY)
    assert pseudonym(known, KEY) in set(load(home / "data").events["user_id"])
    files = [path for path in home.rglob("*") if path.is_file()]
    assert not [path for path in files if f'"{known}"'.encode() in path.read_bytes()]


def test_lists_are_asked_for_by_the_ids_that_people_know(home: Path, known: str) -> None:
    (home / "users.txt").write_text(f"{known}\nnobody\n")
    where = ("recommend", "--run", home / "run", "--out", home / "lists.jsonl")

    ran = run_maitred(*where, "--users", home / "users.txt", pseudonym_key=KEY)
    lists = [json.loads(line) for line in lines_of(home / "lists.jsonl")]
    everybody = run_maitred(*where, pseudonym_key=KEY)
    rungs = {json.loads(line)["rung"] for line in lines_of(home / "lists.jsonl")}

    assert (ran.exit_code, everybody.exit_code) == (0, 0)
    assert [one["user_id"] for one in lists] == [known, "nobody"]
    assert [one["rung"] for one in lists] == ["personalised", "popular"]
    assert "personalised" in rungs


@pytest.mark.parametrize("key", [None, "a key of somebody else"])
def test_with_another_key_it_is_refused(home: Path, tmp_path: Path, key: str | None) -> None:
    run, data = ("--run", home / "run"), ("--data", home / "data")

    refused = [
        run_maitred("recommend", *run, pseudonym_key=key),
        run_maitred("evaluate", *run, *data, "--out", tmp_path / "r.json", pseudonym_key=key),
        run_maitred("tradeoff", *run, *data, "--out", tmp_path / "t", pseudonym_key=key),
    ]

    for ran in refused:
        assert ran.exit_code == 1
        assert f"the model of {home / 'run'} holds pseudonyms of the key" in ran.err
        assert "next: set MAITRED_PSEUDONYM_KEY" in ran.err
