"""Not ten of one kind: the cap on restaurants of one cuisine, where a request asks for it."""

import numpy as np

from maitred.catalogue import Catalogue, Indices, LiveCatalogue
from maitred.policy import Cap

__all__ = ["cap_for"]


def cap_for(catalogue: Catalogue | LiveCatalogue, rows: Indices, most: int | None) -> Cap | None:
    """Return the cap on these rows, by what each stands for: its first cuisine.

    A restaurant whose cuisine is not known is like no other, and never left out.
    """
    if most is None:
        return None
    number: dict[str | None, int] = {None: -1}
    groups = [
        number.setdefault(cuisine, len(number) - 1) for cuisine in catalogue.first_cuisines(rows)
    ]
    return Cap(np.array(groups, dtype=np.intp), most)
