"""Simulation-based calibration of the spectral twin, a version that must fail, and tempered SMC beside the chains.

BRAINTWIN_PEOPLE sets the number of people (300 unless set); a smaller campaign is another one and says its number.
"""

import os

import numpy as np

from braintwin.inference.evidence import bridge, laplace
from braintwin.inference.spectral import flat_points, padded_data
from braintwin.inference.spectral_coordinates import constrained, prior_draws, unconstrained
from braintwin.inference.spectral_search import sample_about, search
from braintwin.inference.spectral_smc import sample_by_smc
from nights_sbc import uniformity
from spectral_people import GRAPH, JUDGED, of_the_model, ranks, scalars, twin

PEOPLE = int(os.environ.get("BRAINTWIN_PEOPLE", "300"))
WRONG = max(PEOPLE // 3, 10)
CODE = ["braintwin.inference.spectral_search", "braintwin.inference.spectral_smc"]


def test_simulation_based_calibration_of_the_spectral_twin(campaign):
    run = campaign(
        "spectral-sbc",
        claim="The truth ranks uniformly among draws of the spectral twin; if each bin counts four times, it does not.",
        code=CODE,
        settings={"people": PEOPLE, "wrong": WRONG, "stages": 5},
    )
    people, keys = [str(i) for i in range(PEOPLE)], [f"wrong-{i}" for i in range(WRONG)]
    right = np.array([v for _, v in run.each(people, lambda key: ranks(int(key)), spread=True)])
    too_sure = run.each(keys, lambda key: ranks(int(key.removeprefix("wrong-")), times=4.0), spread=True)
    wrong = np.array([v for _, v in too_sure])
    p_right, p_wrong = uniformity(right), uniformity(wrong)
    names = [*JUDGED, "distance"]
    mean_ranks = dict(zip(names, right.mean(axis=0), strict=True))
    passed = bool(p_right > 0.001 and p_wrong < 1e-4)
    run.finish(passed=passed, numbers={"p_uniform": p_right, "p_four_times": p_wrong, "mean_rank": mean_ranks})
    assert p_right > 0.001, mean_ranks
    assert p_wrong < 1e-4


def opinions(seed, particles=600):
    """Return how far the means of SMC and of chains differ, in sds, and the evidence by SMC, bridge and Laplace."""
    rng = np.random.default_rng([seed, 3])
    person = of_the_model(rng)
    data = padded_data(twin(), person.spectra, GRAPH)
    density = twin().model.density(data)
    best = search(twin(), data, unconstrained(twin(), prior_draws(rng, 12))).points[0]
    found = sample_about(twin(), data, best, seed=seed, chains=4, tune=500, draws=500).posterior
    points = flat_points(twin(), found)
    by_bridge, error = bridge(density, points.reshape(4, -1, points.shape[1]), rng)
    smc = sample_by_smc(twin(), person.spectra, GRAPH, rng, particles=particles)
    ours, theirs = (scalars(constrained(twin(), p)) for p in (points, smc.points))
    return {
        "shift": np.max(np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) / ours.std(axis=0)),
        "smc": smc.log_evidence,
        "bridge": by_bridge,
        "bridge_error": error,
        "laplace": laplace(density, best)[0],
        "temperatures": smc.temperatures.size,
    }


def test_tempered_smc_agrees_with_chains_and_evidence(campaign):
    run = campaign(
        "spectral-smc",
        claim="Tempered SMC from the prior ends where the chains are, and its evidence is that of bridge sampling.",
        code=CODE,
        settings={"people": 3, "particles": 600},
    )
    found = [value for _, value in run.each(["0", "1", "2"], lambda key: opinions(int(key)), spread=True)]
    shift = max(one["shift"] for one in found)
    apart = max(abs(one["smc"] - one["bridge"]) for one in found)
    passed = bool(shift < 0.35 and apart < 1.5)
    run.finish(passed=passed, numbers={"largest_shift_sd": shift, "largest_evidence_gap": apart, "people": found})
    assert shift < 0.35
    assert apart < 1.5
