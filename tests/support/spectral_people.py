"""Simulated people for the spectral twin: epochs of EEG with lines and artefacts, or spectra of the model itself."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from braintwin.contracts.spectral import GROUP_CONTRACTS
from braintwin.contracts.stages import STAGES
from braintwin.inference import spectral, spectral_coordinates
from braintwin.inference.explanations import modes
from braintwin.inference.person_graph import no_graph
from braintwin.inference.person_spectra import PersonSpectra
from braintwin.inference.spectral import flat_points
from braintwin.inference.spectral_fit import fit_person
from braintwin.inference.spectral_search import sample_about, search, search_weighed
from braintwin.inference.spectral_smc import log_wall
from braintwin.inference.starts import Optima, multistart
from braintwin.io.posterior import write_groups
from braintwin.io.records import write_status
from braintwin.models.corticothalamic import emg_shape, transfer_power
from braintwin.options.check import CheckOptions
from braintwin.options.fit_spectral import FitSpectralOptions
from braintwin.options.prepare import PrepareOptions
from braintwin.signals.artefacts import judge as judge_epochs
from braintwin.signals.lines import find_lines, line_mask
from braintwin.signals.spectra import effective_windows, log_bias, stage_spectrum, welch_epochs
from braintwin.steps import check

FREQ = np.arange(1.0, 40.1, 0.5)
SFREQ, SECONDS, WINDOW_S = 100.0, 30.0, 4.0
EPOCHS = {"W": 60, "N1": 30, "N2": 120, "N3": 60, "R": 50}
"""Epochs of each stage that the spectra may use: half of a night of six and a half hours."""

_LIMITS = {name: getattr(PrepareOptions(), name) for name in ("amplitude_uv", "amplitude_z", "muscle_z")}

GRAPH = no_graph(1, "one channel")
BY_STAGE = ("X", "Y", "Z", "alpha")
JUDGED = [*(f"{name}[{stage}]" for name in BY_STAGE for stage in STAGES), "t0"]
"""Parameters whose coverage is judged."""


@cache
def twin():
    """Return the compiled twin of one channel."""
    return spectral.compile_twin(FREQ, 1, FitSpectralOptions().student_nu)


@dataclass(frozen=True)
class Person:
    """Truth (one of `prior_draws`), the spectra to fit, and what was put into the EEG."""

    truth: dict[str, np.ndarray]
    spectra: PersonSpectra
    line_hz: float | None = None
    spoilt: int = 0
    refused: int = 0


def scalars(draws):
    """Return the judged parameters of draws (draw, judged)."""
    by_stage = [draws[name][..., i] for name in BY_STAGE for i in range(len(STAGES))]
    return np.stack([*by_stage, draws["t0"]], axis=-1)


def within_the_wall(rng):
    """Return one draw of the prior as the model has it: the nearer to the edge of stability, the rarer."""
    while True:
        truth = spectral_coordinates.prior_draws(rng, 1)
        if np.log(rng.random()) < log_wall(FREQ, truth)[0]:
            return truth


def recorded(seed, line_share=0.5, artefact_share=0.05):
    """Return a person whose EEG was simulated by epochs and went through the detectors and spectra of the product.

    A brain is drawn from the prior, wall of stability and all; each stage's spectrum has peaks that the model does not
    have (Student-t on the log spectrum, .05 to .25 nat); epochs differ in gain; half of the people have an interference
    line; a twentieth of the epochs hold a movement or a burst of muscle.
    """
    rng = np.random.default_rng([seed, 1])
    truth = within_the_wall(rng)
    truth["residual_sd"] = rng.uniform(0.05, 0.25, (1, len(STAGES)))
    line = float(rng.uniform(12, 38)) if rng.random() < line_share else None
    samples = round(SFREQ * SECONDS)
    fine = np.fft.rfftfreq(samples, 1 / SFREQ)
    stages = np.concatenate([np.full(EPOCHS[stage], i) for i, stage in enumerate(STAGES)])
    eeg = np.empty((stages.size, samples), dtype=np.float32)
    log = log_density(truth, fine[1:])
    time = np.arange(samples) / SFREQ
    for i in range(len(STAGES)):
        extra = np.interp(fine[1:], FREQ, truth["residual_sd"][0, i] * rng.standard_t(4.0, FREQ.size))
        amplitude = np.sqrt(np.exp(log[i] + extra) * SFREQ * samples / 4)
        amplitude[fine[1:] < 0.3] = 0
        rows = np.flatnonzero(stages == i)
        noise = rng.standard_normal((rows.size, amplitude.size)) + 1j * rng.standard_normal((rows.size, amplitude.size))
        spectrum = np.concatenate([np.zeros((rows.size, 1)), amplitude * noise], axis=1)
        signal = np.fft.irfft(spectrum, samples, axis=1) * np.exp(rng.normal(0, 0.15, (rows.size, 1)))
        eeg[rows] = rng.uniform(15, 40) * signal
    if line is not None:
        phase = rng.uniform(0, 2 * np.pi, (stages.size, 1))
        eeg += (rng.uniform(1, 4) * np.sin(2 * np.pi * line * time + phase)).astype(np.float32)
    spoilt = np.flatnonzero(rng.random(stages.size) < artefact_share)
    for row in spoilt:
        begin = rng.integers(0, samples - 500)
        burst = slice(begin, begin + rng.integers(200, 500))
        length = burst.stop - burst.start
        size = np.exp(rng.uniform(np.log(30), np.log(400)))
        movement = np.cumsum(rng.standard_normal(length)) / np.sqrt(length)
        eeg[row, burst] += (size * (movement if rng.random() < 0.5 else rng.standard_normal(length) / 2)).astype(
            np.float32
        )
    return Person(truth, *spectra_of(eeg, stages, line, spoilt.size))


def spectra_of(eeg, stages, line=None, spoilt=0):
    """Return the spectra as `prepare` and `features` would estimate them, and what is known of lines and artefacts.

    Parameters
    ----------
    eeg : (epoch, sample) array
        µV, at 100 Hz.
    stages : (epoch,) array
        Place of each epoch's stage in STAGES; one that is absent has no used bin.
    """
    nothing = np.zeros((stages.size, 1), bool)
    refused = judge_epochs(
        eeg[:, None], stages, SFREQ, 45.0, flat=nothing, marked=nothing[:, 0], present=~nothing[:, 0],
        **_LIMITS,
    )[:, 0] > 0  # fmt: skip
    lines = find_lines(eeg, stages, ~refused, SFREQ, low=1.0, high=45.0, line_db=3.0)
    psd, freqs = welch_epochs(eeg[:, None], SFREQ, WINDOW_S)
    kept = np.rint(FREQ * WINDOW_S).astype(int)
    bias = log_bias(effective_windows(round(WINDOW_S * SFREQ), eeg.shape[1]))
    mean, variance = np.zeros((len(STAGES), 1, FREQ.size)), np.ones((len(STAGES), 1, FREQ.size))
    for i in np.unique(stages):
        _, mean[i, 0], variance[i, 0] = stage_spectrum(psd[:, 0, kept], (stages == i) & ~refused, bias)
    used = np.broadcast_to(~line_mask(freqs[kept], lines, WINDOW_S), mean.shape).copy()
    used[np.setdiff1d(np.arange(len(STAGES)), stages)] = False
    return PersonSpectra(STAGES, ("C3",), FREQ, mean, variance, used), line, spoilt, int(refused.sum())


def log_density(truth, freq):
    """Return the log spectrum (stage, freq) of one true brain at any frequency, unit power from 1 to 40 Hz."""
    alpha, beta = spectral_coordinates.dendrites(truth)
    loop = {"X": truth["X"], "Y": truth["Y"], "Z": truth["Z"], "alpha": alpha, "beta": beta}
    loop = {name: value[0][:, None] for name, value in loop.items()} | {"t0": truth["t0"][0]}
    area = transfer_power(FREQ, **loop) @ spectral.band_weights(FREQ)
    share = truth["emg_fraction"][0][:, None]
    brain = transfer_power(freq, **loop) / area[:, None]
    return np.log((1 - share) * brain + share * emg_shape(freq, FREQ[0], FREQ[-1]))


def of_the_model(rng, variance=0.003):
    """Return a person whose log spectra are drawn from the model that is fitted, wall of stability and all."""
    truth = within_the_wall(rng)
    shape, _ = spectral.model_spectrum(FREQ, truth, GRAPH)
    mean = shape[0] + rng.normal(4, 1, (len(STAGES), 1))[:, :, None]
    seen = mean + np.sqrt(truth["residual_sd"][0][:, None, None] ** 2 + variance) * rng.standard_t(4.0, mean.shape)
    everything = np.ones(seen.shape, bool)
    return Person(truth, PersonSpectra(STAGES, ("C3",), FREQ, seen, np.full(seen.shape, variance), everything))


def recover(seed, folder, options=None):
    """Fit one recorded person and judge the fit by `check`; return what is found, as plain numbers."""
    options = options or FitSpectralOptions()
    person = recorded(seed)
    sampling = {"chains": options.chains, "tune": options.tune, "draws": options.draws}
    fit = fit_person(
        twin(), person.spectra, GRAPH, seed=seed, starts=options.starts, mode_nats=options.mode_nats,
        predictive_samples=options.predictive_samples, **sampling,
    )  # fmt: skip
    path = folder / f"sim-{seed}" / "spectral.nc"
    groups = fit.groups()
    groups["posterior"] = groups["posterior"].assign_attrs(person=f"sim-{seed}")
    write_groups(path, groups, GROUP_CONTRACTS)
    write_status(path, "fit-spectral", "ok")
    found = check.judge(f"sim-{seed}", path, None, CheckOptions()).spectral
    path.unlink()
    flat = {name: fit.posterior[name].values.reshape(-1, *fit.posterior[name].shape[2:]) for name in fit.posterior}
    return {
        "verdict": found.verdict,
        "reasons": found.reasons,
        "ranks": (scalars(flat) < scalars(person.truth)).mean(axis=0),
        "missed": missed(person, seed, options),
        "explanations": fit.explanations.sizes["explanation"],
        "best_starts": found.gates["best_starts"],
        "residual": [float(person.truth["residual_sd"].max()), found.gates["residual_sd"]],
        "line_hz": person.line_hz,
        "line_masked": bool((~person.spectra.used).any()),
        "artefacts": [person.spoilt, person.refused],
    }


def missed(person, seed, options):
    """Tell whether a climb from the truth finds a mode that holds notable mass and that the search did not find."""
    begin = spectral_coordinates.unconstrained(
        twin(), spectral_coordinates.prior_draws(np.random.default_rng(seed), options.starts)
    )
    spectra, optima = search_weighed(twin(), person.spectra, GRAPH, begin)
    density = twin().model.density(spectral.padded_data(twin(), spectra, GRAPH))
    true = multistart(density, spectral_coordinates.unconstrained(twin(), person.truth))
    points, heights = np.concatenate([optima.points, true.points]), np.append(optima.log_posterior, true.log_posterior)
    order = np.argsort(-heights, kind="stable")
    known, every = modes(density, optima), modes(density, Optima(points[order], heights[order]))
    notable = [sum(mode.log_mass > found[0].log_mass - options.mode_nats for mode in found) for found in (known, every)]
    return bool(every[0].log_mass > known[0].log_mass + 0.5 or notable[1] > notable[0])


def ranks(seed, times=1.0, chains=2, tune=400, draws=400, thin=8):
    """Return the ranks in [0, 1] of the truth among thinned draws, for a person of the model; its distance comes last.

    With `times` above 1 each bin's log likelihood is entered that often: a fit that is too sure.
    """
    rng = np.random.default_rng([seed, 2])
    person = of_the_model(rng)
    data = spectral.padded_data(twin(), person.spectra, GRAPH)
    data["used"] = data["used"] * times
    optima = search(twin(), data, spectral_coordinates.unconstrained(twin(), spectral_coordinates.prior_draws(rng, 12)))
    found = sample_about(twin(), data, optima.points[0], seed=seed, chains=chains, tune=tune, draws=draws)
    points = flat_points(twin(), found.posterior)[::thin]
    judged, true = scalars(spectral_coordinates.constrained(twin(), points)), scalars(person.truth)[0]
    spread = judged.std(axis=0)
    # a quantity of the data too: how far the truth lies from the posterior mean (doi:10.1214/23-BA1404)
    far = np.square((judged - judged.mean(axis=0)) / spread).sum(axis=1)
    own = np.square((true - judged.mean(axis=0)) / spread).sum()
    return [*(judged < true).mean(axis=0).tolist(), float((far < own).mean())]
