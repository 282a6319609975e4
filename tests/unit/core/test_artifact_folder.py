"""A model on disk is checked before it serves."""

import json
from pathlib import Path

import numpy as np
import pytest

from maitred.artifact import load, read_manifest, save
from maitred.artifact.folder import MANIFEST, file_entries, read_diners, verify
from maitred.errors import CorruptArtifact, NotFound
from tests.support.models import made_manifest, tiny_arrays, tiny_diners, tiny_run

ALL = frozenset({"model", "diners"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_run(tmp_path / "run") / "model"


def test_equal_inputs_give_equal_bytes_and_so_the_same_version(tmp_path: Path) -> None:
    first, again = (tiny_run(tmp_path / name) / "model" for name in ("a", "b"))

    for path in sorted(first.iterdir()):
        assert path.read_bytes() == (again / path.name).read_bytes()
    assert read_manifest(first)[0] == read_manifest(again)[0]


def test_a_version_is_the_objective_and_the_manifests_sum(folder: Path) -> None:
    version, manifest = read_manifest(folder)

    assert version.startswith(f"{manifest.objective}-")
    assert len(version.removeprefix("clicks-")) == 12
    assert load(folder).version == version


def test_what_was_saved_is_what_is_loaded(folder: Path) -> None:
    arrays = tiny_arrays()

    model = load(folder)

    for name in ("vectors", "neighbours_weights", "popularity", "choices", "values"):
        np.testing.assert_array_equal(getattr(model, name), arrays[name])
    assert set(model.segments) >= {"*|*|*", "*|*|thai"}
    assert (
        model.catalogue.restaurants[2].hours[0].closes
        > model.catalogue.restaurants[2].hours[0].opens
    )


def test_diner_rows_come_back_one_by_one(folder: Path) -> None:
    expected = tiny_diners(1)

    rows = dict(read_diners(folder))

    assert list(rows) == sorted(expected)
    assert rows["u3"].encode() == expected["u3"].encode()


@pytest.mark.parametrize("name", ["vectors.npy", "catalogue_ids.npy", "diners_items.npy"])
def test_a_flipped_byte_is_refused_by_the_name_of_its_file(folder: Path, name: str) -> None:
    path = folder / name
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    _, manifest = read_manifest(folder)

    with pytest.raises(CorruptArtifact, match=name):
        verify(folder, manifest, roles=ALL)


def test_a_changed_manifest_is_another_version_or_no_manifest(folder: Path) -> None:
    version, _ = read_manifest(folder)
    path = folder / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"seed": 1', b'"seed": 2'))

    assert read_manifest(folder)[0] != version

    path.write_bytes(b"{}")
    with pytest.raises(CorruptArtifact, match="manifest"):
        read_manifest(folder)


def test_generators_that_name_more_than_all_candidates_together_are_refused(folder: Path) -> None:
    path = folder / MANIFEST
    body = json.loads(path.read_bytes())
    limits = {"popular": 401, "own_history": 100}
    body["generators"] = [{"name": name, "limit": limit} for name, limit in limits.items()]
    path.write_text(json.dumps(body))

    with pytest.raises(CorruptArtifact, match=r"popular 401 \+ own_history 100"):
        load(folder)

    body["generators"][0]["limit"] = 400
    path.write_text(json.dumps(body))
    assert load(folder).manifest.generators[0].limit == 400


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "values.npy").unlink()

    with pytest.raises(CorruptArtifact, match="values"):
        load(folder)


def test_an_empty_folder_says_how_to_get_a_model(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        load(tmp_path)

    assert caught.value.next_step is not None


@pytest.mark.parametrize(
    ("name", "poison"),
    [
        ("vectors", np.full((12, 6), np.nan, np.float32)),
        ("vectors", np.zeros((11, 6), np.float32)),
        ("values", np.zeros(12, np.float32)),
        ("popularity", np.zeros(3, np.float32)),
        ("neighbours_items", np.full(36, 12, np.int32)),
        ("choices", np.zeros(12, np.float64)),
    ],
)
def test_a_poison_array_with_a_right_sum_is_refused_all_the_same(
    tmp_path: Path, name: str, poison: np.ndarray
) -> None:
    arrays = {**tiny_arrays(), name: poison}
    save(tmp_path / "model", made_manifest(arrays), arrays)

    with pytest.raises(CorruptArtifact, match=name):
        load(tmp_path / "model")


def test_saving_twice_replaces_the_folder_and_leaves_no_partial_one(folder: Path) -> None:
    arrays = tiny_arrays(2)
    assert set(file_entries(arrays)) == {p.name for p in folder.iterdir()} - {MANIFEST}

    save(folder, made_manifest(arrays, seed=2), arrays)

    assert read_manifest(folder)[1].seed == 2
    assert [p.name for p in folder.parent.iterdir()] == ["model"]
