"""Held-out blocks of one real night: the spectral twin, the spectral graph model, aperiodic + peaks, other people.

    python benchmarks/spectral_rivals.py [data folder] [--own my_model.py ...]

Blocks of ten clean epochs of each stage are fitted and scored in turn: what is learned from odd ones is scored on even
ones. The score is the mean log density of a held-out log spectrum, nat a bin, Student-t with four degrees of freedom
about the prediction; its scale is that of the fit's own residual, with the sampling variance of the held-out blocks.
A model may shift as a whole in each stage (gain), for which the power of the fitted blocks is taken. Every model is
scored twice: alone, and with what it leaves out learned from the fitted blocks (`braintwin.inference.discrepancy`).

Aperiodic + peaks is our own fit of the published method; where the published program is there (`pip install fooof`, no
dependency of ours) it is scored as well, with a straight slope and with a knee.
"""

import argparse
import csv
import os
import runpy
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares, minimize_scalar
from scipy.signal import welch
from scipy.stats import t as student

from braintwin.contracts.stages import STAGES
from braintwin.inference.discrepancy import learn, predict
from braintwin.inference.model_fit import fit_model
from braintwin.inference.person_graph import no_graph
from braintwin.inference.person_spectra import PersonSpectra
from braintwin.inference.spectral import compile_twin
from braintwin.inference.spectral_fit import fit_person
from braintwin.io.connectomes import centroids
from braintwin.models import spectral_graph
from braintwin.models.spectral_models import REGISTRY, SpectralModel

FREQ = np.arange(1.0, 40.1, 0.5)
CODES = {"Wake": "W", "REM": "R", "N1": "N1", "N2": "N2", "N3": "N3"}
BLOCK, NU, LINE_HZ, WINDOW_S, EPOCH_S = 10, 4.0, 22.0, 4.0, 30
SPEEDS, BLUR_MM, C3_MM = (5.0, 10.0, 20.0), 35.0, (-65.0, -12.0, 64.0)
USED = np.abs(FREQ - LINE_HZ) >= 1.2


def logs_of(pieces, sfreq):
    """Return the log spectrum (epoch, freq) of epochs of one channel."""
    f, power = welch(pieces, sfreq, nperseg=round(WINDOW_S * sfreq), axis=-1)
    return np.log(np.array([np.interp(FREQ, f, row) for row in np.atleast_2d(power)]))


def whole_night(data):
    """Return the log spectra (epoch, freq) of the clean epochs of UCDDB 018 in each stage, in their order."""
    import mne

    folder = data / "ucddb" / "bids" / "sub-ucddb018" / "eeg"
    raw = mne.io.read_raw_edf(next(folder.glob("*_eeg.edf")), preload=True, verbose="error")
    sfreq, signal = raw.info["sfreq"], 1e6 * raw.get_data(picks=[0])[0]
    pieces = {stage: [] for stage in STAGES}
    with next(folder.glob("*_events.tsv")).open() as stream:
        for event in csv.DictReader(stream, delimiter="\t"):
            start = round(float(event["onset"]) * sfreq)
            piece = signal[start : start + round(EPOCH_S * sfreq)]
            clean = event["eeg_present"] == "1" and event["bad_by_eye"] == "0" and len(piece) == round(EPOCH_S * sfreq)
            stage = CODES.get(event["trial_type"])
            if clean and stage and np.ptp(piece) > 0:
                pieces[stage].append(piece)
    return {stage: logs_of(np.array(found), sfreq) for stage, found in pieces.items() if found}


def partial_nights(data):
    """Return the log spectra (epoch, freq) of wake and N3 of the partial patients; some have one of them."""
    found = {}
    for path in sorted((data / "ucddb" / "partial").glob("*.npz")):
        with np.load(path) as held:
            index, bad = held["epoch_index"], held["bad_by_eye"]
            stage, sfreq = held["stage_all"][index], float(held["sfreq"])
            good = ~bad[index] & (np.ptp(held["x"].astype(float), axis=1) > 0)
            stages = {}
            for name, codes in (("W", (0,)), ("N3", (3, 4))):
                rows = good & np.isin(stage, codes)
                if rows.sum() >= BLOCK:
                    # a mark of the recorder's zero is no sleep: the least power is floored
                    stages[name] = logs_of(held["x"][rows].astype(float) + 1e-3, sfreq)
        found[path.stem] = stages
    return found


def others(data):
    """Return the mean log shape of wake and N3 over the partial patients, each of mean 0 over the band."""
    shapes = {"W": [], "N3": []}
    for stages in partial_nights(data).values():
        for name, logs in stages.items():
            log = logs.mean(axis=0)
            shapes[name].append(log - log.mean())
    return {name: (np.mean(found, axis=0), len(found)) for name, found in shapes.items() if found}


def split(logs):
    """Return the mean log spectrum and the variance of that mean, (half, stage, freq), of odd and of even blocks."""
    mean, variance = np.zeros((2, len(logs), FREQ.size)), np.zeros((2, len(logs), FREQ.size))
    for i, found in enumerate(logs.values()):
        half = np.arange(len(found)) // (BLOCK if len(found) >= 4 * BLOCK else max(2, len(found) // 4)) % 2
        for h in (0, 1):
            rows = found[half == h]
            mean[h, i], variance[h, i] = rows.mean(axis=0), rows.var(axis=0, ddof=1) / len(rows)
    return mean, variance


def aperiodic_and_peaks(log, most=8, threshold=2.0):
    """Return the fit of 1/f with a knee-less slope plus Gaussian peaks in log power, as specparam fits it.

    A robust first slope, peaks one by one from the flattened spectrum while they stand `threshold` sd out, all peaks
    together, then the slope again under them (doi:10.1038/s41593-020-00744-x); widths 0.5 to 12 Hz.
    """
    f, y = FREQ[USED], log[USED]

    def slope(target, rows):
        return np.polyfit(np.log(f[rows]), target[rows], 1)

    line = np.polyval(slope(y, np.ones(f.size, bool)), np.log(f))
    flat = y - line
    line = np.polyval(slope(y, np.maximum(flat, 0) <= np.quantile(np.maximum(flat, 0), 0.025)), np.log(f))
    rest, guesses = y - line, []
    for _ in range(most):
        top = int(np.argmax(rest))
        if rest[top] < threshold * rest.std():
            break
        below = np.flatnonzero(rest <= rest[top] / 2)
        half = np.min(np.abs(f[below] - f[top])) if below.size else 2.0
        sd = float(np.clip(half / 1.1774, 0.25, 6.0))
        guesses += [f[top], rest[top], sd]
        rest = rest - rest[top] * np.exp(-0.5 * ((f - f[top]) / sd) ** 2)

    def hills(values, at):
        result = np.zeros(at.size)
        for centre, height, sd in np.reshape(values, (-1, 3)):
            result += height * np.exp(-0.5 * ((at - centre) / sd) ** 2)
        return result

    peaks = np.array(guesses)
    if guesses:
        low, high = np.tile([1.0, 0.0, 0.25], len(guesses) // 3), np.tile([40.0, np.inf, 6.0], len(guesses) // 3)
        start = np.clip(peaks, low + 1e-6, high - 1e-6)
        peaks = least_squares(lambda v: y - line - hills(v, f), start, bounds=(low, high)).x
    coefficients = slope(y - hills(peaks, f), np.ones(f.size, bool))
    return np.polyval(coefficients, np.log(FREQ)) + hills(peaks, FREQ), 2 + peaks.size


def published_peaks(mean):
    """Yield (model, log spectra) of the published program for each kind of slope, where it is installed."""
    if find_spec("fooof") is None:
        return
    from fooof import FOOOF

    for mode in ("fixed", "knee"):
        found = []
        for log in mean:
            # it takes even frequencies: the line is bridged
            program = FOOOF(aperiodic_mode=mode, peak_width_limits=(1.0, 12.0), verbose=False)
            program.fit(FREQ, np.exp(np.interp(FREQ, FREQ[USED], log[USED])))
            found.append(np.log(10) * program.fooofed_spectrum_)
        yield f"fooof, {mode}", np.array(found)


def networks(data):
    """Return the average connectome with delays as C3 sees it, at each conduction speed."""
    with np.load(data / "connectomes" / "spectrome" / "spectrome_82_named.npz") as held:
        names = [str(name) for name in held["names"]]
        weights, lengths = held["hcp_mean_weights"].astype(float), held["tract_lengths_mean"].astype(float)
    labels, places = centroids()
    rows = [names.index(label) for label in labels]
    weights, lengths = (m[np.ix_(rows, rows)] for m in (weights, lengths))
    near = np.exp(-np.sum((1000 * places - C3_MM) ** 2, axis=1) / (2 * BLUR_MM**2))
    near = near / near.sum()
    return [spectral_graph.delayed_network(FREQ, weights, lengths, speed, near) for speed in SPEEDS]


def graph_spectrum(network, freq, **values):  # noqa: ARG001
    """Return the spectrum of a network, which knows its frequencies."""
    return spectral_graph.spectrum(network, **values)


def graph_models(seen_by):
    """Return the spectral graph model as a registered model of each conduction speed."""
    return [SpectralModel(partial(graph_spectrum, network), spectral_graph.BOUNDS) for network in seen_by]


def best_model(models, logs, seed):
    """Return the best of some models of each stage, (stage, freq)."""
    rng = np.random.default_rng(seed)
    fits = [[fit_model(model, FREQ, log, USED, rng) for model in models] for log in logs]
    return np.array([min(each, key=lambda fit: fit.cost).log_psd for each in fits])


def alone(modelled, mean, variance, fitted, judged):
    """Return the log density of the held-out half under draws of a model, (stage, freq); residual scales by stage."""
    own, near = (mean[fitted] - modelled.mean(axis=0))[:, USED], variance[fitted][:, USED]

    def loss(log_scale, stage):
        spread = np.sqrt(np.exp(2 * log_scale) + near[stage])
        return -np.sum(student.logpdf(own[stage] / spread, NU) - np.log(spread))

    best = [minimize_scalar(loss, bounds=(-6, 1), args=(stage,), method="bounded").x for stage in range(len(own))]
    scale = np.broadcast_to(np.exp(best), (len(modelled), len(own)))
    return density(modelled, scale, mean[judged], variance[judged])


def density(modelled, scale, seen, variance):
    """Return the log of the mean over draws of a Student-t density, (stage, freq)."""
    spread = np.sqrt(scale[:, :, None] ** 2 + variance)
    found = student.logpdf((seen - modelled) / spread, NU) - np.log(spread)
    return np.logaddexp.reduce(found, axis=0) - np.log(len(modelled))


def one_channel(stages, mean, variance):
    """Return mean log spectra (stage, freq) and their variances as a person of one channel, without the line."""
    used = np.broadcast_to(USED, mean.shape)[:, None].copy()
    return PersonSpectra(tuple(stages), ("EEG",), FREQ, mean[:, None], variance[:, None], used)


def twin_draws(twin, stages, mean, variance, seed):
    """Return draws of the twin's log spectrum (draw, stage, freq) and of its residual scales (draw, stage)."""
    fit = fit_person(
        twin, one_channel(stages, mean, variance), no_graph(1, "one channel"), seed=seed, predictive_samples=400
    )
    modelled = fit.posterior_predictive["log_psd_model"].values[:, :, 0]
    scale = fit.posterior["residual_sd"].values.reshape(-1, len(stages))
    return modelled, scale[np.unique(np.linspace(0, len(scale) - 1, len(modelled)).round().astype(int))]


def rivals(data, stages, mean, variance, seed, compiled, seen_by):
    """Yield (model, stages, draws of its log spectrum, its own residual scale or None) for one fitted half."""
    everything = list(range(len(stages)))
    yield "spectral twin", everything, *twin_draws(compiled, stages, mean, variance, seed)
    peaks = np.array([aperiodic_and_peaks(row)[0] for row in mean])
    yield "aperiodic + peaks", everything, peaks[None], None
    for name, fitted in published_peaks(mean):
        yield name, everything, fitted[None], None
    slopes = np.array([aperiodic_and_peaks(row, most=0)[0] for row in mean])
    yield "aperiodic alone", everything, slopes[None], None
    yield "spectral graph model", everything, best_model(graph_models(seen_by), mean, seed)[None], None
    for name, model in REGISTRY.items():
        yield name, everything, best_model([model], mean, seed)[None], None
    population = others(data)
    some = [i for i, stage in enumerate(stages) if stage in population]
    shape = np.array([population[stages[i]][0] for i in some])
    yield "population spectrum", some, (shape + (mean[some] - shape)[:, USED].mean(axis=1, keepdims=True))[None], None


def compare(data, compiled=None):
    """Return rows (model, stages, alone or with discrepancy) -> mean score and rms error over both halves."""
    logs = whole_night(data)
    stages = tuple(logs)
    mean, variance = split(logs)
    compiled, seen_by, found = compiled or compile_twin(FREQ, 1, NU), networks(data), {}
    used = np.broadcast_to(USED, mean[0].shape)
    for fitted, judged in ((0, 1), (1, 0)):
        for model, rows, draws, scale in rivals(
            data, stages, mean[fitted], variance[fitted], 18 + fitted, compiled, seen_by
        ):
            ours, noise = mean[:, rows], variance[:, rows]
            plain = (
                alone(draws, ours, noise, fitted, judged)
                if scale is None
                else density(draws, scale, ours[judged], noise[judged])
            )
            learned = learn(FREQ, ours[fitted] - draws.mean(axis=0), noise[fitted], used[rows], NU)
            helped, centre = predict(learned, ours[fitted], draws, ours[judged], noise[judged], NU)
            for how, score, at in (("alone", plain, draws.mean(axis=0)), ("with discrepancy", helped, centre)):
                error = ours[judged] - at
                for where in ("all", *(stages[i] for i in rows)):
                    chosen = [k for k, i in enumerate(rows) if where in ("all", stages[i])]
                    cell = float(score[chosen][:, USED].mean()), float(np.sqrt(np.mean(error[chosen][:, USED] ** 2)))
                    found.setdefault((model, how, where), []).append(cell)
    return {key: np.mean(values, axis=0) for key, values in found.items()}


def main():
    """Print the scores."""
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("BRAINTWIN_DATA", str(Path(__file__).parents[2] / "shared" / "data"))
    given.add_argument("data", nargs="?", type=Path, default=Path(default))
    given.add_argument("--own", nargs="*", type=Path, default=[], help="files that register models of their own")
    for path in given.parse_args().own:
        runpy.run_path(str(path))
    began = time.process_time()
    found = compare(given.parse_args().data)
    columns = ["all", *STAGES]
    print(f"{'score, nat/bin (rms, nat)':42}" + "".join(f"{name:>15}" for name in columns))
    for model, how in dict.fromkeys((model, how) for model, how, _ in found):
        cells = [found.get((model, how, where)) for where in columns]
        print(f"{model:24}{how:18}" + "".join(
            f"{'':>15}" if cell is None else f"{cell[0]:8.3f} ({cell[1]:.3f})"[:15].rjust(15) for cell in cells
        ))  # fmt: skip
    print(f"CPU {time.process_time() - began:.0f} s")


if __name__ == "__main__":
    main()
