"""The conditional logit finds the weights that made the choices."""

import numpy as np
import pytest

from maitred.seeds import generator
from training.models.logit import fit_head, fit_temperature, fit_weights

TRUTH = np.array([1.5, -0.5, 0.0])


def choices(cases: int, candidates: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = generator(3, "logit")
    features = rng.normal(size=(cases, candidates, TRUTH.size)).astype(np.float32)
    utilities = features @ TRUTH + rng.gumbel(size=(cases, candidates))
    return features, utilities.argmax(axis=1)


def test_planted_weights_are_found_again():
    features, chosen = choices(4000)

    found = fit_weights(features, chosen, np.ones(len(chosen)))

    assert found == pytest.approx(TRUTH, abs=0.06)


def test_cases_weigh_what_they_are_told_to():
    features, chosen = choices(600)
    wrong = np.zeros_like(chosen)
    importance = np.concatenate([np.ones(600), np.zeros(600)])

    found = fit_weights(
        np.concatenate([features, features]), np.concatenate([chosen, wrong]), importance
    )

    assert found == pytest.approx(fit_weights(features, chosen, np.ones(600)), abs=1e-3)


def test_a_feature_that_never_varies_weighs_nothing():
    features, chosen = choices(300)
    features[:, :, 2] = 4.0

    assert fit_weights(features, chosen, np.ones(300))[2] == pytest.approx(0.0, abs=1e-6)


def test_the_head_fit_keeps_the_planted_weights_where_tastes_are_linear():
    features, chosen = choices(3000, candidates=80)

    assert fit_head(features, chosen, np.ones(3000)) == pytest.approx(TRUTH, abs=0.12)


def test_the_temperature_undoes_a_scale():
    features, chosen = choices(1500)
    utilities = 7.0 * (features @ TRUTH)

    assert fit_temperature(utilities, chosen, np.ones(1500)) == pytest.approx(1 / 7, rel=0.1)
