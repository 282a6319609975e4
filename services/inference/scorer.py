"""Stage two of serving: log p̂(choice) of each candidate, and the dial on top of it."""

from dataclasses import dataclass

from maitred.artifact import Scored, Shortlist, Taste, score
from maitred.policy import Policy, dial
from services.inference.shown import Floats
from services.inference.snapshot import Served

__all__ = ["Judged", "judge"]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Candidates with the ranker's terms and the score that orders them, [p]."""

    scored: Scored
    scores: Floats


def judge(served: Served, taste: Taste, policy: Policy, listed: Shortlist) -> Judged:
    """Score candidates for a policy: log p̂ + w · log v, or as the artefact declares."""
    scored = score(served.model, taste, listed)
    return Judged(scored, dial(scored.log_p, scored.log_v, policy.weight))
