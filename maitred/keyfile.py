"""Secrets that an installation makes for itself: once, and readable by their owner only."""

import os
import secrets
from pathlib import Path

__all__ = ["kept_secret"]


def kept_secret(file: Path) -> str:
    """Return the secret in ``file``, made (mode 0600) where it is missing.

    Of several programs that start at once, all read the same one.
    """
    if not file.exists():
        _make(file)
    return file.read_text(encoding="ascii").strip()


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    mine = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
        new.write(secrets.token_urlsafe(32) + "\n")
    try:
        os.link(mine, file)  # fails when another program was faster
    except FileExistsError:
        pass
    finally:
        mine.unlink()
