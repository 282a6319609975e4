"""What a batch has worked out for a diner before the diner's own walk begins."""

from dataclasses import dataclass

from maitred.artifact import Taste
from services.inference.catalogue_view import View
from services.inference.scorer import Judged
from services.inference.shown import Degraded
from services.inference.snapshot import Snapshot

__all__ = ["Ahead"]


@dataclass(frozen=True, slots=True, eq=False)
class Ahead:
    """Shared work, done once for many diners; None: the walk does it itself.

    What the diner asked for has been checked against ``snapshot``. ``view`` is what
    :class:`services.inference.breadth.Breadth` would give of it for the diner's filters, ``judged``
    what stage one and two would give of ``taste``.
    """

    snapshot: Snapshot
    view: View | None = None
    taste: Taste | None = None
    degraded: Degraded | None = None
    """What ran short when ``taste`` was looked up."""
    judged: Judged | None = None
