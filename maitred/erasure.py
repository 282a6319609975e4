"""Whose key makes the tombstones of erased diners: the one that is set, or one of our own.

What a tombstone is and how it is made: :func:`maitred.ids.tombstone`.
"""

from maitred.keyfile import kept_secret
from maitred.settings import Settings

__all__ = ["erasure_key"]


def erasure_key(settings: Settings) -> str:
    """Return the key of tombstones, made in ``<state>/erasure.key`` (0600) where none is set.

    Tombstones that were made with another key match nobody: keep it as long as the archive.
    """
    if settings.erasure_key is not None:
        return settings.erasure_key.get_secret_value()
    return kept_secret(settings.state_dir / "erasure.key")
