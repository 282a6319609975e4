"""How alike two ranked lists are."""

from collections.abc import Sequence

__all__ = ["jaccard", "rank_biased_overlap"]


def jaccard(first: Sequence[str], second: Sequence[str]) -> float:
    """Return the share of restaurants in both among those in either; two empty lists are alike."""
    either = set(first) | set(second)
    return len(set(first) & set(second)) / len(either) if either else 1.0


def rank_biased_overlap(
    first: Sequence[str], second: Sequence[str], *, persistence: float = 0.9
) -> float:
    """Return extrapolated rank-biased overlap: 1 for equal lists, 0 for disjoint ones.

    ``persistence`` is the chance that a reader goes on to the next rank. Compared as deep as the
    shorter list goes. W. Webber, A. Moffat, J. Zobel (2010), equation 32 for equal lengths.
    """
    depth = min(len(first), len(second))
    if depth == 0:
        return 1.0 if not first and not second else 0.0
    shared, total = 0.0, 0.0
    for d in range(1, depth + 1):
        shared = len(set(first[:d]) & set(second[:d])) / d
        total += shared * persistence**d
    return shared * persistence**depth + (1 - persistence) / persistence * total
