"""One compilation, many people: starts, determinism, and the density that the optimiser uses."""

import numpy as np
import pytest

from braintwin.inference.sample import compile_model, draw

PEOPLE = {"a": np.linspace(2, 4, 12), "b": np.linspace(-7, -1, 12)}


@pytest.fixture(scope="module")
def compiled():
    import pymc as pm

    with pm.Model(coords={"site": ["left", "right"]}) as model:
        y = pm.Data("y", np.zeros(12))
        mu = pm.Normal("mu", 0.0, 10.0)
        sd = pm.HalfNormal("sd", 5.0)
        pm.Normal("spare", dims="site")
        side = pm.Normal("side", 0.0, 10.0)
        pm.Potential("two_wells", -200 * (side**2 - 1) ** 2)
        pm.Deterministic("twice", 2 * mu)
        pm.Normal("seen", mu, sd, observed=y)
    return compile_model(model)


def run(compiled, person, **keywords):
    return draw(compiled, {"y": PEOPLE[person]}, **{"seed": 3, "chains": 3, "tune": 200, "draws": 200, **keywords})


def test_posterior_is_right(compiled):
    drawn = run(compiled, "a", draws=1000)
    assert float(drawn.posterior["mu"].mean()) == pytest.approx(3.0, abs=0.06)
    assert float(drawn.posterior["mu"].std()) == pytest.approx(PEOPLE["a"].std() / np.sqrt(12), rel=0.3)
    assert set(drawn.posterior) == {"mu", "sd", "spare", "side", "twice"}
    assert drawn.posterior["spare"].dims == ("chain", "draw", "site")
    np.testing.assert_allclose(drawn.posterior["twice"], 2 * drawn.posterior["mu"])
    assert drawn.stats["diverging"].dtype == bool
    assert {"energy", "lp", "n_steps"} <= set(drawn.stats)


def test_draws_depend_on_the_seed_alone(compiled):
    first = run(compiled, "b")
    run(compiled, "a")
    assert run(compiled, "b", cores=2).posterior.identical(first.posterior)
    assert not run(compiled, "b", seed=4).posterior.identical(first.posterior)


def test_chains_begin_at_the_start(compiled):
    for side in (-1.0, 1.0):
        drawn = run(compiled, "a", start={"side": side})
        assert np.all(np.sign(drawn.posterior["side"]) == side)
    drawn = run(compiled, "a", start=compiled.pack({"side": -1.0}))
    assert np.all(drawn.posterior["side"] < 0)


def test_unknown_start_is_refused(compiled):
    with pytest.raises(KeyError, match="sd_log__"):
        compiled.pack({"sd": 1.0})


def test_density_and_gradient(compiled):
    density = compiled.density({"y": PEOPLE["a"]})
    point = compiled.pack({"mu": 2.5, "sd_log__": 0.3, "spare": [0.1, -0.4], "side": 1.1})
    value, gradient = density(point)
    numeric = np.empty_like(point)
    for i in range(point.size):
        step = np.zeros_like(point)
        step[i] = 1e-6
        numeric[i] = (density(point + step)[0] - density(point - step)[0]) / 2e-6
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-5)
    from scipy import stats

    expected = (
        stats.norm.logpdf(2.5, 0, 10)
        + stats.halfnorm.logpdf(np.exp(0.3), 0, 5)
        + 0.3
        + stats.norm.logpdf([0.1, -0.4]).sum()
        + stats.norm.logpdf(1.1, 0, 10)
        - 200 * (1.1**2 - 1) ** 2
        + stats.norm.logpdf(PEOPLE["a"], 2.5, np.exp(0.3)).sum()
    )
    assert value == pytest.approx(expected, rel=1e-8)
    assert compiled.unpack(point)["spare"] == pytest.approx([0.1, -0.4])
    assert density(np.full(compiled.n_dim, np.nan))[0] == -np.inf
