"""The one tree of errors, so that every door (CLI, HTTP, consumer) answers them alike.

MaitredError
├── UsageError                 wrong call, or a file that names what does not exist     exit 2
│   └── MappingError           a mapping that does not fit its files
├── Refused                    understood, and said no to                               exit 1
│   ├── InvalidInput           a value outside its domain                               HTTP 422
│   │   ├── InvalidEvent       bytes or JSON that are not an event
│   │   └── InvalidDataset     a data set that cannot be trained on
│   ├── TooLarge               a body or batch over its limit                           HTTP 413
│   ├── NotFound               a restaurant, model or run that does not exist           HTTP 404
│   ├── PreconditionFailed     a thing that is not any more as the caller saw it        HTTP 412
│   ├── Unauthorised           no key, or the wrong one                                 HTTP 401
│   ├── CorruptArtifact        sums, shapes or numbers are wrong                        HTTP 409
│   ├── KeyMismatch            data or a model made under another pseudonym key         HTTP 409
│   ├── OutOfContract          a reply that is not what the contract says               HTTP 502
│   ├── GateRefused            a model that may not be promoted                         HTTP 409
│   └── StackRefused           the local stack cannot start or stop as asked
└── Unavailable                something outside is away; later may work                HTTP 503
    ├── StoreUnavailable       Redis
    │   └── StoreChanged       Redis is not as its writer left it
    ├── LogUnavailable         Kafka
    ├── SpoolUnavailable       the disk of the spool does not take what is written
    ├── Overloaded             a queue or spool is full                                 HTTP 429
    └── DeadlineExceeded       the step named ran out of its share of the budget

Adapters translate library errors at their edge with ``raise … from``; nothing else raises
library errors across a layer.
"""

from typing import ClassVar

__all__ = [
    "CorruptArtifact",
    "DeadlineExceeded",
    "GateRefused",
    "InvalidDataset",
    "InvalidEvent",
    "InvalidInput",
    "KeyMismatch",
    "LogUnavailable",
    "MaitredError",
    "MappingError",
    "NotFound",
    "OutOfContract",
    "Overloaded",
    "PreconditionFailed",
    "Refused",
    "SpoolUnavailable",
    "StackRefused",
    "StoreChanged",
    "StoreUnavailable",
    "TooLarge",
    "Unauthorised",
    "Unavailable",
    "UsageError",
]


class MaitredError(Exception):
    """Base of every error that maitred raises on purpose.

    ``str(error)`` is a sentence for a person; ``next_step`` says what to do about it, and
    ``fields`` names the inputs at fault as (field, reason).
    """

    retriable: ClassVar[bool] = False
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        next_step: str | None = None,
        fields: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.next_step = next_step
        self.fields = fields


class UsageError(MaitredError):
    """Wrong usage, or a file or mapping that names what does not exist."""

    http_status = 400
    exit_code = 2


class MappingError(UsageError):
    """A mapping that does not fit the files it describes."""


class Refused(MaitredError):  # noqa: N818  # the tree reads as sentences
    """Understood, and said no to."""

    http_status = 409


class InvalidInput(Refused):
    """A value outside its domain; ``fields`` names it."""

    http_status = 422


class InvalidEvent(InvalidInput):
    """Bytes or JSON that are not an event of any known version."""


class InvalidDataset(InvalidInput):
    """A data set that cannot be read, or that a check of data refuses."""


class TooLarge(Refused):
    """A body or batch over its stated limit."""

    http_status = 413


class NotFound(Refused):
    """A restaurant, model, run or route that does not exist."""

    http_status = 404


class PreconditionFailed(Refused):
    """A thing that is not any more as the caller last saw it."""

    http_status = 412


class Unauthorised(Refused):
    """No admin key, or the wrong one."""

    http_status = 401


class CorruptArtifact(Refused):
    """A model folder whose sums, shapes or numbers are wrong, or that is not ours."""


class KeyMismatch(Refused):
    """Data or a model whose diners' ids were made under another pseudonym key, or under none."""


class OutOfContract(Refused):
    """A reply of a service that is not what the contract says."""

    http_status = 502


class GateRefused(Refused):
    """A model whose gates failed, are missing, or compare with another champion."""


class StackRefused(Refused):
    """The local stack cannot start or stop as asked."""


class Unavailable(MaitredError):  # noqa: N818  # the tree reads as sentences
    """Something outside is away; the same call may work later."""

    retriable = True
    http_status = 503


class StoreUnavailable(Unavailable):
    """Redis did not answer within its share of the budget."""


class StoreChanged(StoreUnavailable):
    """Redis is not as its writer left it: emptied, restored, or written by somebody else."""


class LogUnavailable(Unavailable):
    """Kafka did not take or give records in time."""


class SpoolUnavailable(Unavailable):
    """The disk of the spool is full or broken; nothing of what was to be written counts."""


class Overloaded(Unavailable):
    """A bounded queue or spool is full; try again later."""

    http_status = 429


class DeadlineExceeded(Unavailable):
    """The named step found the budget spent."""

    def __init__(self, step: str) -> None:
        super().__init__(f"the budget was spent at step '{step}'")
        self.step = step
