"""People whose EEG comes from models that the spectral twin does not contain, fitted by the twin."""

import numpy as np

from braintwin.contracts.stages import STAGES
from braintwin.inference.spectral_fit import fit_person
from braintwin.synthetic import neural_field, thalamocortex
from spectral_people import GRAPH, SECONDS, SFREQ, PersonSpectra, spectra_of, twin

EPOCHS = 20
"""Epochs of 30 s of each state: ten minutes."""

NODES, COUPLING = 8, 2.6
NOISE = {"W": 0.12, "N2": 0.3}
"""Noise of the field, mV per square root of s: it bends firing rates, and spindles have a harmonic."""

LOUD = {"W": 0.12, "N2": 1.0}
"""Noise that leaves the branch of the state, and hardly a spindle."""


STATES = {"W": neural_field.WAKE, "N2": neural_field.N2}
SMALL, HEARD = 0.01, 0.03
"""Least change of a gain that is judged, and the least that ten minutes of every person must have on its side.

What they tell of X of wake has an sd of .045; smaller changes are told in hours.
"""


def true(field):
    """Return the gains of a field as a model with the twin's inhibition within the cortex sees them."""
    return dict(zip("XYZ", neural_field.gains(field).at_fixed_inhibition(field.alpha, field.beta), strict=True))


def changes(strengths, least=SMALL):
    """Return the true change by a drug of each gain of each state (``X[W]``), where it is no smaller than `least`."""
    found = {}
    for stage, field in STATES.items():
        before, after = true(field), true(field.changed(**strengths))
        found |= {f"{name}[{stage}]": after[name] - before[name] for name in "XYZ"}
    return {name: change for name, change in found.items() if abs(change) >= least}


def ring(nodes=NODES):
    """Return the weights of a ring of nodes."""
    apart = np.abs(np.arange(nodes)[:, None] - np.arange(nodes))
    weights = np.exp(-np.minimum(apart, nodes - apart).astype(float))
    np.fill_diagonal(weights, 0)
    return weights


def field_eeg(field, noise, rng, epochs=EPOCHS):
    """Return epochs (epoch, sample) of a nonlinear field as a wide electrode sees it."""
    rates = neural_field.activity(field, ring(), COUPLING, noise, epochs * SECONDS, SFREQ, rng)
    return as_epochs(rates.mean(axis=1), epochs)


def column_eeg(column, rng):
    """Return epochs (epoch, sample) of a thalamocortical column."""
    return as_epochs(thalamocortex.potential(column, EPOCHS * SECONDS, SFREQ, rng))


def as_epochs(trace, epochs=EPOCHS):
    """Return a trace as epochs of EEG of 30 µV."""
    trace = 30 * (trace - trace.mean()) / trace.std()
    return trace[: epochs * round(SFREQ * SECONDS)].reshape(epochs, -1).astype(np.float32)


def fitted(by_stage, seed, tune=400, draws=400, starts=12):
    """Return the fit of epochs by the stage that they are called."""
    stages = np.concatenate([np.full(len(eeg), STAGES.index(stage)) for stage, eeg in by_stage.items()])
    spectra, *_ = spectra_of(np.concatenate(list(by_stage.values())), stages)
    rows = [i for i, stage in enumerate(STAGES) if stage in by_stage]
    kept = PersonSpectra(
        tuple(STAGES[i] for i in rows), spectra.channels, spectra.freq, spectra.log_psd[rows], spectra.variance[rows],
        spectra.used[rows],
    )  # fmt: skip
    return fit_person(twin(), kept, GRAPH, seed=seed, chains=4, tune=tune, draws=draws, starts=starts)


def share_above(fit, name, high, low):
    """Return the posterior probability that a parameter is larger in the stage `high` than in `low`."""
    draws = fit.posterior[name]
    return float((draws.sel(stage=high) > draws.sel(stage=low)).mean())
