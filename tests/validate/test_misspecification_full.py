"""The twin on EEG of models that it does not contain, over seeds: which orders and signs of a drug it tells, which not.

A sign is told where nine tenths of the draws of a difference have it. Means of posteriors may lean to the wrong side
where the data say nothing; what is told must be right. Of a change that is next to nothing beside what ten minutes say,
one telling in ten may be wrong and no more: hours must have its sign.
"""

import numpy as np
from scipy.stats import binomtest

from braintwin.synthetic import thalamocortex
from misspecified import HEARD, LOUD, NOISE, STATES, changes, column_eeg, field_eeg, fitted, share_above

LEVELS = {"noise": NOISE, "loud": LOUD}
SEEDS = range(24, 32)  # none that was looked at before thresholds were set
FIELD = [f"{level} {seed}" for level in LEVELS for seed in SEEDS]
COLUMN = [f"column {seed}" for seed in SEEDS]
EFFORT = {"tune": 250, "draws": 250, "starts": 8}
DRUGS = {"cortical_inhibition": {"ei": 1.1}, "relay_inhibition": {"sr": 1.1}}
"""Synaptic strengths that a drug multiplies: inhibition of the cortex, and of relay cells by the reticular nucleus."""

ORDERS = {"X": ("N2", "W"), "Y": ("W", "N2"), "Z": ("N2", "W")}
TOLD = 0.9
GENERATORS = ("neural_field", "thalamocortex")


def difference(before, after, name, seed):
    """Return draws of the change of one gain between two fits that know nothing of each other."""
    gain, stage = name[0], name[2:-1]
    one, other = (fit.posterior[gain].sel(stage=stage).values.ravel() for fit in (before, after))
    size = min(one.size, other.size)
    return np.random.default_rng(seed).permutation(other)[:size] - one[:size]


def tell(key):
    """Return the probability of what is true of a person of the field or of the column, and the mean of its size."""
    return of_column(int(key.split()[1])) if key in COLUMN else of_field(key)


def of_column(seed):
    """Return the order of the spindle loop; slow waves of the column are below 1 Hz and no smaller in its N2."""
    rng = np.random.default_rng(seed)
    column = {"N2": column_eeg(thalamocortex.N2, rng), "N3": column_eeg(thalamocortex.N3, rng)}
    fit = fitted(column, seed, **EFFORT)
    z = fit.posterior["Z"]
    return {
        "probability": {"column, order of Z": share_above(fit, "Z", "N2", "N3")},
        "mean": {"column, order of Z": float((z.sel(stage="N2") - z.sel(stage="N3")).mean())},
    }


def of_field(key):
    """Return the probability of each true order of stages, and of each true sign of each drug, under the posterior."""
    name, seed = key.split()[0], int(key.split()[1])
    level, rng = LEVELS[name], np.random.default_rng([seed, list(LEVELS).index(name)])
    usual = fitted({s: field_eeg(field, level[s], rng) for s, field in STATES.items()}, seed, **EFFORT)
    found = {f"order of {name}": share_above(usual, name, *pair) for name, pair in ORDERS.items()}
    means = {
        f"order of {name}": float((usual.posterior[name].sel(stage=high) - usual.posterior[name].sel(stage=low)).mean())
        for name, (high, low) in ORDERS.items()
    }
    for drug, strengths in DRUGS.items():
        treated = {s: field_eeg(field.changed(**strengths), level[s], rng) for s, field in STATES.items()}
        after = fitted(treated, seed, **EFFORT)
        for name, true in changes(strengths).items():
            draws = difference(usual, after, name, seed) * np.sign(true)
            found[f"{drug}: {name}"] = float((draws > 0).mean())
            means[f"{drug}: {name}"] = float(draws.mean())
    return {"probability": found, "mean": means}


def test_orders_and_signs_survive(campaign):
    run = campaign(
        "misspecification",
        claim="On EEG of a nonlinear field the means of everybody have the right order of stages and sign of every "
        "change by a drug that is .03 or more; on that of a thalamocortical column spindles are told from slow waves "
        "in the mean of all; no such order or sign is told wrong, and of smaller changes no more than one in ten.",
        code=["braintwin.inference.spectral_fit", *(f"braintwin.synthetic.{name}" for name in GENERATORS)],
        settings={"people": len(FIELD + COLUMN), "minutes": 10, "told": TOLD, "heard": HEARD},
    )
    found = [value for _, value in run.each(FIELD + COLUMN, tell)]
    names = list(dict.fromkeys(name for one in found for name in one["mean"]))
    judged = {name: [one for one in found if name in one["mean"]] for name in names}
    right = {name: sum(one["mean"][name] > 0 for one in judged[name]) for name in names}
    told_right, told_wrong = (
        {name: sum(side(one["probability"][name]) for one in judged[name]) for name in names}
        for side in (lambda p: p >= TOLD, lambda p: p <= 1 - TOLD)
    )
    of_all = {name: float(np.mean([one["mean"][name] for one in judged[name]])) for name in names}
    small = {f"{drug}: {name}" for drug, by in DRUGS.items() for name in set(changes(by)) - set(changes(by, HEARD))}
    large = [name for name in names if name not in small]
    everybody = [name for name in large if len(judged[name]) == len(FIELD)]
    too_often = [
        name for name in small if binomtest(told_wrong[name], len(FIELD), 1 - TOLD, alternative="greater").pvalue < 0.05
    ]
    passed = (
        not any(told_wrong[name] for name in large)
        and not too_often
        and all(right[name] == len(FIELD) for name in everybody)
        and all(of_all[name] > 0 for name in large)
    )
    run.finish(
        passed=passed,
        numbers={"mean": of_all, "mean_right": right, "told_right": told_right, "told_wrong": told_wrong},
    )
    assert not any(told_wrong[name] for name in large), told_wrong
    assert not too_often, told_wrong
    for name in everybody:
        assert right[name] == len(FIELD), (name, right[name])
    assert min(of_all[name] for name in large) > 0, of_all


def two_hours(seed):
    """Return what two hours of wake, with and without a drug, say of changes that ten minutes do not tell."""
    rng, found = np.random.default_rng(seed), {"probability": {}, "mean": {}}
    field, epochs = STATES["W"], 240
    usual = fitted({"W": field_eeg(field, NOISE["W"], rng, epochs)}, seed, **EFFORT)
    for drug, strengths in DRUGS.items():
        after = fitted({"W": field_eeg(field.changed(**strengths), NOISE["W"], rng, epochs)}, seed, **EFFORT)
        for name, true in changes(strengths).items():
            if name.endswith("[W]"):
                draws = difference(usual, after, name, seed) * np.sign(true)
                found["probability"][f"{drug}: {name}"] = float((draws > 0).mean())
                found["mean"][f"{drug}: {name}"] = float(draws.mean())
    return found


def test_hours_of_wake_have_the_sign_of_small_changes(campaign):
    run = campaign(
        "misspecification-hours",
        claim="Of two hours of wake of a nonlinear field every change of a gain by a drug that is .01 or more has the "
        "right sign in the mean of all, and no sign is told wrong.",
        code=["braintwin.inference.spectral_fit", "braintwin.synthetic.neural_field"],
        settings={"people": len(SEEDS), "minutes": 120, "told": TOLD},
    )
    found = [value for _, value in run.each([f"hours {seed}" for seed in SEEDS], lambda key: two_hours(int(key[6:])))]
    names = list(found[0]["mean"])
    of_all = {name: float(np.mean([one["mean"][name] for one in found])) for name in names}
    right = {name: sum(one["mean"][name] > 0 for one in found) for name in names}
    told_right = {name: sum(one["probability"][name] >= TOLD for one in found) for name in names}
    told_wrong = {name: sum(one["probability"][name] <= 1 - TOLD for one in found) for name in names}
    run.finish(
        passed=min(of_all.values()) > 0 and not any(told_wrong.values()),
        numbers={"mean": of_all, "mean_right": right, "told_right": told_right, "told_wrong": told_wrong},
    )
    assert min(of_all.values()) > 0, of_all
    assert not any(told_wrong.values()), told_wrong
