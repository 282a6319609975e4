"""From scores to a list, with the chance of each place in it."""

import numpy as np

from maitred.artifact import Scored
from maitred.policy import Cap, Policy, explore, pool_of
from maitred.seeds import seed_of
from services.inference.ask import Ask
from services.inference.shown import Floats, Rung, Shown

__all__ = ["draw"]


def draw(
    ask: Ask,
    scored: Scored,
    scores: Floats,
    policy: Policy,
    cap: Cap | None = None,
    *,
    temperature: float,
    seed: tuple[int, str],
) -> Shown:
    """Return the list: drawn from the best of ``scores``, or greedy without exploration.

    ``cap`` on what is scored, where the request limits how many of one cuisine it wants.

    ``seed`` is the service's and the model version; together with the diner and the request id
    it fixes the draw, so that asking again gives the same list. What is recorded has 63 bits, for
    columns of signed integers.
    """
    warmth = temperature if ask.explore else 0.0
    best = pool_of(scores, ask.k, cap)
    stream = seed_of(seed[0], ask.user_id or "", ask.request_id, seed[1]) >> 1 if warmth else 0
    generator = np.random.Generator(np.random.PCG64(stream))
    within = None if cap is None else cap.of(best)
    choice = explore(scores[best], ask.k, warmth, generator, within)
    chosen = best[choice.positions]
    return Shown(
        rung=Rung.PERSONALISED,
        policy=policy,
        restaurants=scored.candidates[chosen],
        scores=scores[chosen],
        propensities=choice.propensities,
        pool=scored.candidates[best],
        log_p=scored.log_p[best],
        log_v=scored.log_v[best],
        temperature=warmth,
        seed=stream,
    )
