"""Effective samples per second: the twin's sampler against the plain per-epoch categorical model in PyMC.

    python benchmarks/nights_sampler.py

Same nights, same population, same posterior: the plain model has one categorical observation for every epoch and
standard-normal (non-centred) person and night effects, as one would write it first. CPU seconds without compilation.
Both see one simulated person with two nights.
"""

import time

import numpy as np

from braintwin.contracts.night import GROUPS
from braintwin.inference.diagnose import ess
from braintwin.inference.nights import compile_nights, fit_person, window
from braintwin.inference.sample import compile_model, draw
from braintwin.io.population import packaged_population, read_population
from braintwin.models.hypnogram import DESTINATIONS, GROUP_OF, N_STAGES, step_offsets
from braintwin.models.night_history import night_steps
from braintwin.models.nights_simulator import simulate_nights
from braintwin.models.population import NOBODY

EPOCHS, NIGHTS = 960, 2


def plain_model(population, nights):
    """Return the per-epoch categorical model."""
    import pymc as pm
    import pytensor.tensor as pt

    steps = [night_steps(night.stages, lights_off_known=True) for night in nights]
    offset = np.concatenate([step_offsets(population, s) for s in steps])
    row = np.concatenate([s.row for s in steps])
    owner = np.repeat(np.arange(len(steps)), [len(s.row) for s in steps])
    to = np.concatenate([s.to for s in steps])
    person_root = np.linalg.cholesky(population.person_covariance(NOBODY))
    night_root = np.linalg.cholesky(population.night_covariance(NOBODY))
    first = np.outer(np.arange(len(nights)) == 0, population.first_night)
    # Stages in the order: staying, then the ways out.
    place = np.array(
        [
            np.flatnonzero(np.append(k if k < N_STAGES else 0, DESTINATIONS[k]) == m)[0]
            for k, m in zip(row, to, strict=True)
        ]
    )
    with pm.Model() as model:
        data = pm.Data("offset", offset)
        person_z = pm.Normal("person_z", 0.0, 1.0, shape=len(GROUPS))
        night_z = pm.Normal("night_z", 0.0, 1.0, shape=(len(nights), len(GROUPS)))
        person = pm.Deterministic("person_effect", pt.dot(person_root, person_z))
        effect = person + first + pt.dot(night_z, night_root.T)
        eta = data + effect[owner[:, None], GROUP_OF[row]]
        logits = pt.concatenate([pt.zeros((len(row), 1)), eta], axis=1)
        pm.Categorical("stage", logit_p=logits, observed=place)
    return model


def least_ess(values):
    """Return the least bulk ESS over groups."""
    return min(ess(values[..., g]) for g in range(len(GROUPS)))


def main() -> float:
    """Print both rates and return their ratio."""
    population = read_population(packaged_population())
    rng = np.random.default_rng(3)
    person = population.draw(rng, 1, NOBODY)
    effects = np.concatenate([person.further_nights(rng) for _ in range(NIGHTS)])
    stages = simulate_nights(population, effects=effects, uniforms=rng.random((NIGHTS, EPOCHS)), n_epochs=EPOCHS)
    nights = [window(f"n{i}", night, 0) for i, night in enumerate(stages)]

    ours = compile_nights(population, NIGHTS)
    began = time.process_time()
    posterior, stats = fit_person(ours, population, nights, seed=1, draws=1000)
    own_s, own = time.process_time() - began, posterior["person_effect"].values
    model = plain_model(population, nights)
    plain = compile_model(model)
    began = time.process_time()
    drawn = draw(plain, {}, seed=1, chains=2, tune=400, draws=400)
    plain_s, theirs = time.process_time() - began, drawn.posterior["person_effect"].values

    gap = np.abs(own.mean((0, 1)) - theirs.mean((0, 1))) / theirs.std((0, 1))
    error = 2 / np.sqrt(least_ess(theirs))
    print(f"posterior means differ by {gap.max():.2f} sd at most (Monte-Carlo error about {error:.2f})")
    rates = []
    for name, values, seconds in (("counts, mode-centred", own, own_s), ("per-epoch categorical", theirs, plain_s)):
        rates.append(least_ess(values) / seconds)
        print(f"{name:24s} least ESS {least_ess(values):6.0f} in {seconds:6.2f} CPU s: {rates[-1]:8.1f} per s")
    print(f"ratio {rates[0] / rates[1]:.0f}; divergences {int(stats['diverging'].sum())}")
    return rates[0] / rates[1]


if __name__ == "__main__":
    main()
