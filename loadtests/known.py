"""Diners whom the served model knows, so that a load test is personalised and not only cold."""

from pathlib import Path

import redis

from loadtests.stack import Stack
from loadtests.users import USERS_FILE
from maitred.store import keys

__all__ = ["write_known_diners"]

_MOST = 5000


def write_known_diners(stack: Stack) -> Path | None:
    """Write the ids of known diners to :data:`loadtests.users.USERS_FILE`; None if there are none.

    They are the diners with a row of the served clicks model in the stack's Redis: a load test on
    this machine may look there, one from outside names its own with ``--users-file``.
    """
    version = stack.models.get("clicks")
    if version is None or not stack.redis_url:
        return None
    # The key with the parts that differ by diner left open.
    prefix = keys.row(version, "").partition("}")[2]
    found: list[str] = []
    with redis.Redis.from_url(stack.redis_url, decode_responses=True) as store:
        for key in store.scan_iter(match=f"{{b*}}{prefix}*", count=1000):
            found.append(str(key).partition(prefix)[2])
            if len(found) == _MOST:
                break
    if not found:
        return None
    USERS_FILE.parent.mkdir(parents=True, exist_ok=True)
    USERS_FILE.write_text("\n".join(sorted(found)) + "\n", encoding="utf-8")
    return USERS_FILE
