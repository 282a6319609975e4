"""What ``{models}:current`` says: the version of each objective that is served, and the one before.

One small JSON value, read by every worker every second; no Redis here, so that both the blocking
and the asynchronous client can use it.
"""

from dataclasses import dataclass, replace

import orjson

from maitred.errors import CorruptArtifact

__all__ = ["OBJECTIVES", "Current", "decode_pointer", "encode_pointer"]

OBJECTIVES = ("clicks", "revenue")


@dataclass(frozen=True, slots=True)
class Current:
    """The versions that are served; None where there is none yet."""

    clicks: str | None = None
    revenue: str | None = None
    previous_clicks: str | None = None
    previous_revenue: str | None = None
    changed: str | None = None
    """The objective that changed last, which a rollback takes unless told otherwise."""

    def version(self, objective: str) -> str | None:
        """Return what is served for an objective."""
        return {"clicks": self.clicks, "revenue": self.revenue}.get(objective)

    def previous(self, objective: str) -> str | None:
        """Return what a rollback of an objective would serve."""
        return {"clicks": self.previous_clicks, "revenue": self.previous_revenue}.get(objective)

    def promoted(self, objective: str, version: str) -> "Current":
        """Return the pointer after serving ``version``; what was served becomes the one before."""
        if objective == "clicks":
            return replace(self, clicks=version, previous_clicks=self.clicks, changed=objective)
        return replace(self, revenue=version, previous_revenue=self.revenue, changed=objective)


def encode_pointer(pointer: Current) -> bytes:
    """Return the pointer as stored."""
    return orjson.dumps(
        {
            "schema": 1,
            "clicks": pointer.clicks,
            "revenue": pointer.revenue,
            "previous": {"clicks": pointer.previous_clicks, "revenue": pointer.previous_revenue},
            "changed": pointer.changed,
        }
    )


def decode_pointer(raw: bytes | None) -> Current:
    """Read a stored pointer; None: nothing was ever promoted.

    Raises:
        CorruptArtifact: if the bytes are not a pointer.
    """
    if raw is None:
        return Current()
    try:
        body = orjson.loads(raw)
        return Current(
            body["clicks"],
            body["revenue"],
            body["previous"]["clicks"],
            body["previous"]["revenue"],
            body["changed"],
        )
    except (ValueError, KeyError, TypeError) as error:
        msg = "the pointer to the current models cannot be read"
        raise CorruptArtifact(msg, next_step="promote a model again") from error
