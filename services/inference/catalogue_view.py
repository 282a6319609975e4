"""Which restaurants a request may be shown at all: the hard filters, the same on every rung."""

from dataclasses import dataclass

from maitred.artifact import Taste
from maitred.catalogue import Bools, Catalogue, Filters

__all__ = ["Allowed", "allowed", "without_dismissed"]


@dataclass(frozen=True, slots=True, eq=False)
class Allowed:
    """``mask`` bool [n] by catalogue index; ``removed`` says how many each filter took."""

    mask: Bools
    removed: dict[str, int]


def allowed(catalogue: Catalogue, filters: Filters) -> Allowed:
    """Apply a request's filters."""
    mask, removed = catalogue.allowed(filters)
    return Allowed(mask, removed)


def without_dismissed(view: Allowed, taste: Taste) -> Allowed:
    """Take out what the diner does not want to see."""
    if not taste.dismissed.size:
        return view
    mask = view.mask.copy()
    mask[taste.dismissed] = False
    lost = int(view.mask[taste.dismissed].sum())
    return Allowed(mask, view.removed | {"dismissed": lost} if lost else view.removed)
