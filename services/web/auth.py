"""The admin key: made once, kept hashed in memory, compared in constant time, never logged."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from fastapi import Request

from maitred.errors import Unauthorised
from maitred.settings import Settings

__all__ = ["AdminKey", "admin_key"]


def admin_key(settings: Settings) -> str:
    """Return the key from the settings, else from ``<state>/admin.key``, made (0600) if missing."""
    if settings.admin_key is not None:
        return settings.admin_key.get_secret_value()
    path = settings.state_dir / "admin.key"
    if not path.exists():
        _make(path)
    return path.read_text(encoding="ascii").strip()


def _make(path: Path) -> None:
    """Write a key so that of several programs that start at once, all read the same one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    try:
        os.link(mine, path)  # fails when another program was faster
    except FileExistsError:
        pass
    finally:
        mine.unlink()


class AdminKey:
    """Dependency of routes that only the key's owner may call.

    Raises, when called:
        Unauthorised: if ``Authorization: Bearer <key>`` is missing or names another key.
    """

    def __init__(self, key: str) -> None:
        self._digest = hashlib.sha256(key.encode()).digest()

    async def __call__(self, request: Request) -> None:
        """Check one request."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(hashlib.sha256(given.strip().encode()).digest(), self._digest)
        if scheme.lower() != "bearer" or not same:
            msg = "this needs the admin key"
            raise Unauthorised(
                msg,
                next_step="send 'Authorization: Bearer <key>' with the key of <state>/admin.key",
            )
