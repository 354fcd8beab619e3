"""Tempered SMC against a posterior and an evidence in closed form, and against two modes of unequal mass."""

import numpy as np
import pytest

from braintwin.inference.tempered import tempered


def normal(share):
    """Return prior N(0, I) times a share of the likelihood N(x; 2, .5²) in each of three dimensions."""

    def density(point):
        value = -0.5 * point @ point - 1.5 * np.log(2 * np.pi)
        away = (point - 2) / 0.25
        seen = -0.5 * np.sum((point - 2) ** 2) / 0.25 - 3 * np.log(0.5) - 1.5 * np.log(2 * np.pi)
        return value + share * seen, -point - share * away

    return density


def two(share):
    """Return prior N(0, 3² I) in two dimensions times two hills, the right one with three times the mass."""
    centres = np.array([[-3.0, 0.0], [3.0, 0.0]])

    def density(point):
        away = point - centres
        parts = np.log([1.0, 3.0]) - 0.5 * np.sum(away**2, axis=1) / 0.09
        top = parts.max()
        weight = np.exp(parts - top)
        pull = -(weight / weight.sum()) @ away / 0.09
        return -0.5 * point @ point / 9 + share * (top + np.log(weight.sum())), -point / 9 + share * pull

    return density


def test_a_normal_posterior_and_its_evidence():
    rng = np.random.default_rng(1)
    found = tempered(normal, rng.standard_normal((400, 3)), np.zeros(400), rng)
    np.testing.assert_allclose(found.points.mean(axis=0), 1.6, atol=0.12)
    np.testing.assert_allclose(found.points.std(axis=0), np.sqrt(0.2), rtol=0.2)
    exact = 3 * (-0.5 * np.log(2 * np.pi * 1.25) - 0.5 * 4 / 1.25)
    assert found.log_evidence == pytest.approx(exact, abs=0.3)
    assert found.temperatures[-1] == 1
    assert np.all(np.diff(found.temperatures) > 0)


def test_both_modes_are_kept_by_their_mass():
    rng = np.random.default_rng(2)
    found = tempered(two, 3 * rng.standard_normal((400, 2)), np.zeros(400), rng)
    assert (found.points[:, 0] > 0).mean() == pytest.approx(0.75, abs=0.1)
    assert np.all(np.abs(np.abs(found.points[:, 0]) - 3) < 1.5)


def test_weights_of_the_first_particles_count():
    rng = np.random.default_rng(3)
    wide = 1.5 * rng.standard_normal((800, 3))
    weight = -0.5 * np.sum(wide**2, axis=1) * (1 - 1 / 2.25)
    found = tempered(normal, wide, weight, rng)
    np.testing.assert_allclose(found.points.mean(axis=0), 1.6, atol=0.12)


def test_the_same_seed_gives_the_same_particles():
    one, other = (
        tempered(normal, np.random.default_rng(4).standard_normal((50, 3)), np.zeros(50), np.random.default_rng(5))
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.points, other.points)
