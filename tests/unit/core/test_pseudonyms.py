"""The key of an installation, and the manifests of models that were made under one or none."""

import pytest

from maitred.artifact.manifest import encode, parse, version_of
from maitred.errors import KeyMismatch
from maitred.ids import key_fingerprint, pseudonym
from maitred.pseudonyms import Pseudonyms
from maitred.settings import Settings
from tests.support.models import made_manifest, tiny_arrays

KEY, OTHER = "a key that nobody guesses", "a key of somebody else"


def test_the_settings_key_is_the_one_applied_and_shown_to_nobody() -> None:
    keyed = Pseudonyms.of(Settings.model_validate({"pseudonym_key": KEY}))

    assert keyed("anna") == pseudonym("anna", KEY)
    assert KEY not in repr(keyed)
    assert Pseudonyms.of(Settings())("anna") == "anna"


@pytest.mark.parametrize("mine", [None, KEY, OTHER])
@pytest.mark.parametrize("theirs", [None, KEY, OTHER])
def test_what_was_made_with_another_key_is_refused_and_told_what_to_do(
    mine: str | None, theirs: str | None
) -> None:
    pseudonyms = Pseudonyms(mine)
    if mine == theirs:
        pseudonyms.require(key_fingerprint(theirs), "it")
        return

    with pytest.raises(KeyMismatch, match="it holds") as caught:
        pseudonyms.require(key_fingerprint(theirs), "it")

    assert "MAITRED_PSEUDONYM_KEY" in str(caught.value.next_step)
    assert not any(key in str(caught.value) for key in (KEY, OTHER))


def test_a_manifest_without_a_key_is_the_one_that_it_was_before_there_were_any() -> None:
    manifest = made_manifest(tiny_arrays(1))
    raw = encode(manifest)

    assert b"pseudonym" not in raw
    assert parse(raw) == manifest
    assert encode(parse(raw)) == raw


def test_a_manifest_with_a_key_names_it_and_is_another_version() -> None:
    plain = made_manifest(tiny_arrays(1))
    source = plain.data.model_copy(update={"pseudonym_key_fingerprint": key_fingerprint(KEY)})
    keyed = plain.model_copy(update={"data": source})

    assert parse(encode(keyed)).data.pseudonym_key_fingerprint == key_fingerprint(KEY)
    assert version_of(encode(keyed), "clicks") != version_of(encode(plain), "clicks")
