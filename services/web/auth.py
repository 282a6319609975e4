"""The admin key: made once, kept hashed in memory, compared in constant time, never logged."""

import hashlib
import hmac

from fastapi import Request

from maitred.errors import Unauthorised
from maitred.keyfile import kept_secret
from maitred.settings import Settings

__all__ = ["NEXT_STEP", "AdminKey", "admin_key"]

NEXT_STEP = "send 'Authorization: Bearer <key>' with the key of <state>/admin.key"
"""For whoever came without the key."""


def admin_key(settings: Settings) -> str:
    """Return the key from the settings, else from ``<state>/admin.key``, made (0600) if missing."""
    if settings.admin_key is not None:
        return settings.admin_key.get_secret_value()
    return kept_secret(settings.state_dir / "admin.key")


class AdminKey:
    """Who has the key; and, when called, a dependency of routes that only its owner may call.

    Raises, when called:
        Unauthorised: if ``Authorization: Bearer <key>`` is missing or names another key.
    """

    def __init__(self, key: str) -> None:
        self._digest = hashlib.sha256(key.encode()).digest()

    def is_in(self, request: Request) -> bool:
        """Whether a request brings the key."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(hashlib.sha256(given.strip().encode()).digest(), self._digest)
        return scheme.lower() == "bearer" and same

    async def __call__(self, request: Request) -> None:
        """Check one request."""
        if not self.is_in(request):
            msg = "this needs the admin key"
            raise Unauthorised(msg, next_step=NEXT_STEP)
