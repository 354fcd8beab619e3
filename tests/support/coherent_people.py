"""People of the model with four coherent channels: log spectra and coherency drawn from one truth."""

from functools import cache

import numpy as np

from braintwin.contracts.stages import STAGES
from braintwin.inference import spectral, spectral_coordinates
from braintwin.inference.coherency import LOG_LOSS_MEAN, LOG_LOSS_SD, coherency_of, model_coherency
from braintwin.inference.person_graph import graph_of
from braintwin.inference.person_spectra import PersonSpectra, coherency_blocks
from braintwin.inference.spectral_search import sample_about
from braintwin.inference.starts import multistart
from braintwin.models.corticothalamic import emg_shape, transfer_power
from braintwin.synthetic.spectrum import channel_graph
from spectral_people import FREQ, within_the_wall

CHANNELS, WINDOWS, NU, VARIANCE = ("F3", "F4", "C3", "C4"), 40, 4.0, 0.01
PLACE, PAIRS = coherency_blocks(FREQ), len(CHANNELS) * (len(CHANNELS) - 1) // 2


@cache
def twin():
    """Return the compiled twin of four channels with coherency."""
    return spectral.compile_twin(FREQ, len(CHANNELS), NU, PLACE)


def person(seed):
    """Return truth, spectra with coherency of 40 windows a block, and the true graph."""
    rng = np.random.default_rng([seed, 4])
    graph = graph_of(np.array(channel_graph(CHANNELS, rng).weights), "functional")
    truth, model = someone(graph, rng)
    shape, _ = spectral.model_spectrum(FREQ, truth, graph)
    seen = shape[0] + rng.normal(4, 1, shape[0].shape[:2])[:, :, None]
    seen = seen + np.sqrt(truth["residual_sd"][0][:, None, None] ** 2 + VARIANCE) * rng.standard_t(NU, seen.shape)
    spectra = PersonSpectra(
        STAGES, CHANNELS, FREQ, seen, np.full(seen.shape, VARIANCE), np.ones(seen.shape, bool),
        coherency=drawn_coherency(model, rng),
    )  # fmt: skip
    return truth, spectra, graph


def someone(graph, rng):
    """Return a truth of the prior whose coherencies are coherencies, and these (stage, block, channel, channel)."""
    while True:
        truth = within_the_wall(rng)
        loss = LOG_LOSS_MEAN + LOG_LOSS_SD * rng.standard_normal((1, PAIRS))
        truth |= {"coherency_loss": np.exp(loss)}
        model = modelled(truth, graph, truth["kappa"])[0]
        if np.linalg.eigvalsh(model).min() > 0:
            return truth, model


def modelled(truth, graph, kappa):
    """Return the coherencies of a truth under each κ, (κ, stage, block, channel, channel)."""
    alpha, beta = spectral_coordinates.dendrites(truth)
    wide = {"X": truth["X"], "Y": truth["Y"], "Z": truth["Z"], "alpha": alpha, "beta": beta}
    power = transfer_power(
        FREQ, coupling=np.atleast_1d(kappa)[:, None, None, None] * graph.eigenvalues[:, None], t0=truth["t0"][0],
        **{name: value[:, :, None, None] for name, value in wide.items()},
    )  # fmt: skip
    muscle, weight = emg_shape(FREQ, 1.0, 40.0), spectral.band_weights(FREQ)
    return model_coherency(
        power, truth["emg_fraction"], weight, muscle, graph.mixing, PLACE, truth["coherency_loss"][:, None]
    )


def drawn_coherency(model, rng):
    """Return coherency estimated from complex normal draws of cross-spectra with that of the model."""
    root = np.linalg.cholesky(model)
    size = (*model.shape[:3], WINDOWS)
    noise = root @ (rng.standard_normal(size) + 1j * rng.standard_normal(size)) / np.sqrt(2)
    cross = noise @ noise.conj().swapaxes(-1, -2) / WINDOWS
    found = coherency_of(cross, np.full(len(STAGES), float(WINDOWS)), np.arange(len(PLACE))[:, None])
    return type(found)(PLACE, found.real, found.log_det, found.windows)


def kappa_draws(compiled, spectra, graph, truth, seed, tune=300, draws=300):
    """Return draws of κ and of the share of the windows that counts, chains begun at the optimum above the truth."""
    data = spectral.padded_data(compiled, spectra, graph)
    begin = spectral_coordinates.unconstrained(compiled, truth)
    optimum = multistart(compiled.model.density(data), begin).points[0]
    found = sample_about(compiled, data, optimum, seed=seed, chains=2, tune=tune, draws=draws)
    flat = spectral_coordinates.constrained(compiled, spectral.flat_points(compiled, found.posterior))
    return flat["kappa"], flat["coherency_share"]
