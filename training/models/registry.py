"""Every recommender that ``maitred train --model`` knows, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from maitred.errors import UsageError
from training.models.blend import Blend
from training.models.history import OwnHistory
from training.models.popularity import Popularity
from training.models.port import Recommender
from training.models.single import Ease, LightFm

__all__ = ["DEFAULT", "RECOMMENDERS", "recommender"]

DEFAULT = "blend"

_ALL: tuple[Recommender, ...] = (
    Blend(),
    LightFm(),
    Ease(),
    Popularity("popularity"),
    Popularity("choices"),
    OwnHistory(),
)

RECOMMENDERS: Mapping[str, Recommender] = MappingProxyType({r.name: r for r in _ALL})


def recommender(name: str) -> Recommender:
    """Return a recommender by name.

    Raises:
        UsageError: if there is none of that name.
    """
    if name not in RECOMMENDERS:
        msg = f"there is no model '{name}'; there are {', '.join(RECOMMENDERS)}"
        raise UsageError(msg)
    return RECOMMENDERS[name]
