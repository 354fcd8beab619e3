"""One explanation or two: hills of known mass, bent ridges, and climbs that stopped half-way."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from braintwin.inference.explanations import apart, modes, owners, settle, weights, worth_sampling
from braintwin.inference.sample import Draws
from braintwin.inference.spectral_fit import weigh
from braintwin.inference.starts import multistart

DIM = 4
STARTS = np.random.default_rng(5).normal(0, 3, (40, DIM))


def hills(centres, widths, log_masses):
    """Return a mixture of round Gaussians with the given log masses, and its gradient."""
    centres, widths, log_masses = (np.asarray(v, dtype=float) for v in (centres, widths, log_masses))

    def density(point):
        away = point - centres
        parts = log_masses - DIM * np.log(widths) - 0.5 * DIM * np.log(2 * np.pi)
        parts = parts - 0.5 * np.sum(away**2, axis=1) / widths**2
        share = np.exp(parts - parts.max())
        total = share.sum()
        pull = -away / widths[:, None] ** 2
        return float(parts.max() + np.log(total)), share / total @ pull

    return density


A, B = np.full(DIM, -1.5), np.full(DIM, 1.5)


def found(density, starts=STARTS):
    return modes(density, multistart(density, starts))


def test_one_hill_is_one_mode_with_its_mass():
    (only,) = found(hills([A], [0.5], [1.7]))
    assert only.starts == len(STARTS)
    assert only.log_mass == pytest.approx(1.7, abs=1e-4)
    np.testing.assert_allclose(only.point, A, atol=1e-4)


def test_two_hills_are_ordered_by_mass_not_by_height():
    # the first is narrow: higher by 2.3 nat, but with e^-2 of the second's mass
    density = hills([A, B], [0.3, 0.875], [-2.0, 0.0])
    heavy, light = found(density)
    np.testing.assert_allclose(heavy.point, B, atol=0.05)
    assert light.log_density > heavy.log_density + 2
    assert heavy.log_mass - light.log_mass == pytest.approx(2.0, abs=0.05)
    assert heavy.starts + light.starts == len(STARTS)
    assert len(worth_sampling([heavy, light], 3.0)) == 2
    np.testing.assert_allclose(weights(np.array([heavy.log_mass, light.log_mass])), [0.88, 0.12], atol=0.01)


def test_hills_of_one_height_are_not_taken_for_one():
    assert len(found(hills([A, B], [0.5, 0.5], [0.0, 0.0]))) == 2


def test_a_light_hill_is_not_worth_sampling():
    both = found(hills([A, B], [0.5, 0.5], [-8.0, 0.0]))
    assert len(both) == 2
    assert len(worth_sampling(both, 3.0)) == 1


def test_a_bent_ridge_is_one_mode():
    def density(point):
        bend = point[1] - point[0] ** 2
        gradient = np.array([-0.2 * point[0] + 2 * point[0] * bend / 0.01, -bend / 0.01, -point[2], -point[3]])
        return -0.1 * point[0] ** 2 - 0.5 * bend**2 / 0.01 - 0.5 * float(point[2:] @ point[2:]), gradient

    optima = multistart(density, STARTS, max_iterations=12)  # many stop on the way
    assert np.ptp(optima.log_posterior) > 0.1
    assert len(modes(density, optima)) == 1


def test_draws_settle_what_is_an_explanation():
    rng = np.random.default_rng(8)
    first, second = found(hills([A, B], [0.5, 0.5], [0.0, -1.0]))
    here, there = (mode.point + 0.5 * rng.standard_normal((500, DIM)) for mode in (first, second))
    assert apart(here, there)
    assert settle([(second, there), (first, here)], 3.0) == [1, 0]
    # chains of both that ended in one place, or a second that turns out to hold little
    assert settle([(first, here), (second, here[::-1] + 0.05)], 3.0) == [0]
    assert settle([(first, here), (replace(second, log_mass=-5.0), there)], 3.0) == [0]


def test_a_chain_belongs_to_the_mode_that_it_ended_in():
    rng = np.random.default_rng(9)
    hills_ = [(A, 0.25 * np.eye(DIM)), (B, 0.25 * np.eye(DIM))]
    chains = np.stack([centre + 0.5 * rng.standard_normal((100, DIM)) for centre in (A, B, A)])
    chains[2, 70:] += B - A  # left it late
    assert owners(chains, hills_).tolist() == [0, 1, -1]
    assert owners(chains[1:], hills_).tolist() == [1, 0]


def chains_at(*centres):
    """Return draws of one chain about each centre; a pair of centres is a chain that goes to and fro."""
    rng = np.random.default_rng(8)
    middle = [np.array([c[i % len(c)] for i in range(400)]) if isinstance(c, tuple) else c for c in centres]
    points = np.stack([m + 0.5 * rng.standard_normal((400, DIM)) for m in middle])
    coords = {"draw": np.arange(400)}
    dims = ("chain", "draw")
    stats = xr.Dataset({"diverging": (dims, np.zeros(points.shape[:2], bool))}, coords)
    return Draws(xr.Dataset({"x": ((*dims, "dim"), points)}, coords), stats)


def weighed(first, second):
    """Return what becomes of two hills of one mass and of the chains that began in each."""
    density = hills([A, B], [0.5, 0.5], [0.0, 0.0])
    layout = {"x": (slice(0, DIM), (DIM,))}
    twin = SimpleNamespace(model=SimpleNamespace(density=lambda data: density, n_dim=DIM, layout=layout))
    return weigh(twin, {}, found(density), [first, second], 3.0, np.random.default_rng(1))


def test_chains_that_stay_are_two_explanations():
    kept, drawn = weighed(chains_at(A, A, A), chains_at(B, B, B))
    assert len(kept) == 2
    assert [one.posterior.sizes["chain"] for one in drawn] == [3, 3]


def test_a_lone_chain_that_stayed_is_an_explanation_in_two_halves():
    """Chains that left while they warmed up say nothing against the one that did not."""
    kept, drawn = weighed(chains_at(A, A, A), chains_at(A, B, A))
    assert len(kept) == 2
    sizes = sorted((one.posterior.sizes["chain"], one.posterior.sizes["draw"]) for one in drawn)
    assert sizes == [(2, 200), (5, 400)]
    lone = min(drawn, key=lambda one: one.posterior.sizes["draw"])
    assert (lone.posterior["draw"].values == np.arange(200)).all()
    assert abs(float(lone.posterior["x"].mean()) - 1.5) < 0.1


def test_chains_that_go_to_and_fro_are_one_posterior():
    kept, drawn = weighed(chains_at((A, B), (A, B), A), chains_at((A, B), (A, B), B))
    assert len(kept) == len(drawn) == 1
