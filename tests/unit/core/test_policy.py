"""From scores to a list: objectives, the dial, exploration."""

import numpy as np
import pytest

from maitred.errors import InvalidInput
from maitred.policy import Objective, dial, explore, greedy, list_propensities, resolve
from maitred.seeds import generator


def test_a_weight_turns_the_dial_on_the_clicks_recommender() -> None:
    policy = resolve(None, 0.25, balanced_weight=0.5)

    assert (policy.recommender, policy.weight, policy.name) == (Objective.CLICKS, 0.25, "w=0.25")


def test_balanced_takes_the_promoted_weight_unless_the_request_names_one() -> None:
    assert resolve(Objective.BALANCED, None, balanced_weight=0.3).weight == 0.3
    assert resolve(Objective.BALANCED, 0.9, balanced_weight=0.3).weight == 0.9


@pytest.mark.parametrize("objective", [Objective.CLICKS, Objective.REVENUE])
def test_a_weight_contradicts_a_fitted_objective(objective: Objective) -> None:
    with pytest.raises(InvalidInput, match="cannot be combined"):
        resolve(objective, 0.5, balanced_weight=0.3)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_outside_the_dial_is_refused(weight: float) -> None:
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        resolve(None, weight, balanced_weight=0.3)


def test_a_dial_at_zero_is_the_clicks_list_itself() -> None:
    log_p, log_v = np.array([-1.0, -2.0]), np.array([1.0, 9.0])

    assert dial(log_p, log_v, 0.0) is log_p
    assert dial(log_p, log_v, None) is log_p


def test_a_dial_at_one_ranks_by_expected_value() -> None:
    p, v = np.array([0.6, 0.3, 0.1]), np.array([10.0, 30.0, 50.0])

    ranked = greedy(dial(np.log(p), np.log(v), 1.0), 3)

    assert ranked.tolist() == [1, 0, 2]


def test_ties_break_by_position_also_at_the_cut() -> None:
    assert greedy(np.array([1.0, 2.0, 1.0, 1.0, 2.0]), 3).tolist() == [1, 4, 0]


def test_the_propensity_of_a_list_is_that_of_drawing_without_replacement() -> None:
    utilities = np.log(np.array([0.5, 0.3, 0.2]))

    propensities = list_propensities(utilities, np.array([1, 0, 2]))

    np.testing.assert_allclose(propensities, [0.3, 0.5 / 0.7, 1.0])


def test_unlikely_ranks_keep_their_exact_chance_beside_certain_ones() -> None:
    utilities = np.array([0.0, -50.0, -50.0, -900.0, -900.0])

    propensities = list_propensities(utilities, np.array([0, 1, 2, 3]))

    np.testing.assert_allclose(propensities, [1.0, 0.5, 1.0, 0.5])


def test_exploring_at_temperature_zero_is_greedy_and_certain() -> None:
    choice = explore(np.array([0.0, 3.0, 1.0]), 2, 0.0, generator(1))

    assert choice.positions.tolist() == [1, 2]
    assert choice.propensities.tolist() == [1.0, 1.0]


def test_drawn_lists_are_as_frequent_as_their_propensities_say() -> None:
    scores, draws = np.array([0.3, 0.0, -0.4]), 4000
    rng = generator(3, "frequency")
    counts: dict[tuple[int, ...], int] = {}
    stated: dict[tuple[int, ...], float] = {}

    for _ in range(draws):
        choice = explore(scores, 2, 0.5, rng)
        key = tuple(choice.positions.tolist())
        counts[key] = counts.get(key, 0) + 1
        stated[key] = float(choice.propensities.prod())

    assert sum(stated.values()) == pytest.approx(1.0)
    for key, probability in stated.items():
        error = 4 * np.sqrt(probability * (1 - probability) / draws)
        assert counts[key] / draws == pytest.approx(probability, abs=error)
