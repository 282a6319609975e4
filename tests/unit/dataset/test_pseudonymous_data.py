"""Data that comes in under a key holds pseudonyms only, says so, and goes with no other key."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from maitred.ids import key_fingerprint, pseudonym
from tests.support.archives import archive_of, order
from tests.support.datasets import Ran
from tests.support.tables import HEADER, MAPPING
from tests.support.training import run_maitred
from training.dataset import Dataset, load

KEY = "a key that nobody guesses"
MARK = key_fingerprint(KEY)
ORDERS = (
    "anna@home,r1,01/05/2026 19:00,12.50,done\n"
    "bert@home,r1,02/05/2026 19:00,12.50,done\n"
    "anna@home,r2,03/05/2026 19:00,12.50,done\n"
    "anna@home,r2,not a time at all,12.50,done\n"  # quarantined
    "carl@home,r2,04/05/2026 19:00,1,2,3,done\n"  # a broken line
    + "x" * 130
    + "@home,r2,05/05/2026 19:00,12.50,done\n"  # too long an id
)


def imported(folder: Path, key: str | None = KEY) -> tuple[Ran, Path]:
    source, out = folder / "source", folder / "out"
    source.mkdir(exist_ok=True)
    (source / "orders.csv").write_text(HEADER + ORDERS, encoding="utf-8")
    (source / "people.csv").write_text("id,city\nanna@home,Paris\ndora@home,Lyon\n")
    users = '[users]\nfile = "people.csv"\nid = "id"\nregion = "city"\n'
    (folder / "m.toml").write_text(MAPPING + users, encoding="utf-8")
    where = ("--mapping", folder / "m.toml", "--source", source, "--out", out)
    return run_maitred("data", "import", *where, "--force", pseudonym_key=key), out


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ran, out = imported(tmp_path_factory.mktemp("import"))
    assert ran.exit_code == 0, ran.err
    assert "@home" not in ran.out + ran.err
    return out


def test_diners_come_in_by_pseudonym_and_the_data_says_of_which_key(out: Path) -> None:
    data = load(out)

    anna, bert, dora = (pseudonym(f"{name}@home", KEY) for name in ("anna", "bert", "dora"))
    assert data.events["user_id"].tolist() == [anna, bert, anna]
    assert data.users is not None
    assert set(data.users["user_id"]) == {anna, dora}
    assert json.loads((out / "dataset.json").read_text())["pseudonym_key_fingerprint"] == MARK


def test_no_file_holds_an_id_not_even_of_what_was_rejected(out: Path) -> None:
    texts = [path.read_bytes().decode("latin-1") for path in out.rglob("*") if path.is_file()]
    rows = [row for path in out.rglob("*.parquet") for row in pq.read_table(path).to_pylist()]

    assert "@home" not in " ".join(texts)
    assert "@home" not in str(rows)
    [rejected] = out.glob("quarantine/*.parquet")
    lines = {row["line"]: row["reason"] for row in pq.read_table(rejected).to_pylist()}
    assert lines[5] == "unreadable time"
    assert set(lines) == {5, 6, 7}


def test_without_a_key_ids_stay_and_so_do_rejected_rows(tmp_path: Path) -> None:
    _, out = imported(tmp_path, None)

    assert load(out).events["user_id"].tolist() == ["anna@home", "bert@home", "anna@home"]
    assert load(out).meta.pseudonym_key_fingerprint is None
    [rejected] = out.glob("quarantine/*.parquet")
    assert "anna@home" in str(pq.read_table(rejected).to_pylist())


def test_parts_of_it_say_the_same(out: Path, tmp_path: Path) -> None:
    ran = run_maitred("data", "split", out, "--protocol", "time", "--out", tmp_path)

    assert ran.exit_code == 0, ran.err
    marks = {load(tmp_path / part).meta.pseudonym_key_fingerprint for part in ("train", "test")}
    assert marks == {MARK}


def test_the_archive_is_added_to_data_of_the_same_key_only(out: Path, tmp_path: Path) -> None:
    anna = pseudonym("anna@home", KEY)
    folder = archive_of(tmp_path / "archive", order("a1", user_id=anna, currency="EUR"))
    where = ("data", "extend", out, "--archive", folder, "--out", tmp_path / "more")

    without = run_maitred(*where)
    other = run_maitred(*where, pseudonym_key="a key of somebody else")
    same = run_maitred(*where, pseudonym_key=KEY)

    for refused in (without, other):
        assert refused.exit_code == 1
        assert str(MARK) in refused.err
        assert "set MAITRED_PSEUDONYM_KEY to the key with that fingerprint" in refused.err
    assert same.exit_code == 0, same.err
    more: Dataset = load(tmp_path / "more")
    assert more.meta.pseudonym_key_fingerprint == MARK
    assert more.events["user_id"].tolist().count(anna) == 3


def test_a_key_and_data_of_another_are_refused_before_anything_is_fitted(
    out: Path, tmp_path: Path
) -> None:
    ran = run_maitred("train", "--data", out, "--objective", "clicks", "--out", tmp_path / "run")

    assert ran.exit_code == 1
    assert f"holds pseudonyms of the key {MARK}, and MAITRED_PSEUDONYM_KEY is not set" in ran.err
    assert not (tmp_path / "run").exists()


def test_a_key_and_data_without_one_are_refused(tmp_path: Path) -> None:
    _, plain = imported(tmp_path, None)
    where = ("train", "--data", plain, "--objective", "clicks", "--out", tmp_path / "run")

    ran = run_maitred(*where, pseudonym_key=KEY)

    assert ran.exit_code == 1
    assert "holds diners' ids as they came, and MAITRED_PSEUDONYM_KEY is set" in ran.err
    assert "`maitred data import` applies it" in ran.err


def test_pseudonyms_are_not_sent_through_the_door_again(out: Path, tmp_path: Path) -> None:
    ran = run_maitred("data", "events", out, "--out", tmp_path / "e.jsonl", pseudonym_key=KEY)

    assert ran.exit_code == 1
    assert "ingest would make pseudonyms of those" in ran.err
    assert not (tmp_path / "e.jsonl").exists()


def test_a_short_key_is_refused_by_name() -> None:
    ran = run_maitred("data", "validate", "nowhere", pseudonym_key="secret")

    assert ran.exit_code == 2
    assert "MAITRED_PSEUDONYM_KEY" in ran.err
    assert "secret" not in ran.err.replace("SecretStr", "")
