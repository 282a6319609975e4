"""What stands for a diner."""

import stat
import threading
from pathlib import Path

from maitred.ids import key_fingerprint, pseudonym, tombstone
from maitred.keyfile import kept_secret


def test_pseudonyms_are_the_ids_themselves_without_a_key_and_fixed_with_one() -> None:
    assert pseudonym("u1", None) == "u1"
    assert pseudonym("u1", "k") == pseudonym("u1", "k") == "12fa37361c7aab64f55ba525da1d39a7"
    assert len({pseudonym(user, key) for user in ("u1", "ü 2") for key in ("k", "l")}) == 4


def test_what_one_key_makes_for_different_purposes_differs() -> None:
    assert key_fingerprint(None) is None
    assert tombstone("", "k")[:12] != key_fingerprint("k") != pseudonym("", "k")[:12]


def test_a_secret_is_made_once_however_many_ask_and_is_its_owners(tmp_path: Path) -> None:
    file = tmp_path / "new" / "some.key"
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(kept_secret(file))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(found) == {kept_secret(file)}
    assert len(found[0]) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]
