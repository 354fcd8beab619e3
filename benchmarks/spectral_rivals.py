"""Held-out blocks of one real night: the spectral twin against aperiodic + peaks and the spectrum of other people.

    python benchmarks/spectral_rivals.py [data folder]

Blocks of ten clean epochs of each stage are fitted and scored in turn: what is learned from odd ones is scored on even
ones. The score is the mean log density of a held-out log spectrum, nat a bin, Student-t with four degrees of freedom
about the prediction; its scale is that of the fit's own residual, with the sampling variance of the held-out blocks.
A model may shift as a whole in each stage (gain), for which the power of the fitted blocks is taken.
"""

import argparse
import csv
import os
import time
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares, minimize_scalar
from scipy.signal import welch
from scipy.stats import t as student

from braintwin.contracts.stages import STAGES
from braintwin.inference.person_graph import no_graph
from braintwin.inference.person_spectra import PersonSpectra
from braintwin.inference.spectral import compile_twin
from braintwin.inference.spectral_fit import fit_person

FREQ = np.arange(1.0, 40.1, 0.5)
CODES = {"Wake": "W", "REM": "R", "N1": "N1", "N2": "N2", "N3": "N3"}
BLOCK, NU, LINE_HZ, WINDOW_S, EPOCH_S = 10, 4.0, 22.0, 4.0, 30
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


def others(data):
    """Return the mean log shape of wake and N3 over the partial patients, each of mean 0 over the band."""
    shapes = {"W": [], "N3": []}
    for path in sorted((data / "ucddb" / "partial").glob("*.npz")):
        with np.load(path) as held:
            index, bad = held["epoch_index"], held["bad_by_eye"]
            stage, sfreq = held["stage_all"][index], float(held["sfreq"])
            good = ~bad[index] & (np.ptp(held["x"].astype(float), axis=1) > 0)
            for name, codes in (("W", (0,)), ("N3", (3, 4))):
                rows = good & np.isin(stage, codes)
                if rows.sum() >= BLOCK:
                    # a mark of the recorder's zero is no sleep: the least power is floored
                    log = logs_of(held["x"][rows].astype(float) + 1e-3, sfreq).mean(axis=0)
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


def plug_in(prediction, mean, variance, rows, fitted, judged):
    """Return the score of a prediction (stage, freq) on one half, its residual scale and its error in nat.

    Levels and the scale are those of the half that was fitted.
    """
    level = (mean[fitted] - prediction)[:, USED].mean(axis=1, keepdims=True)
    own = (mean[fitted] - prediction - level)[rows][:, USED]
    near = variance[fitted][rows][:, USED]

    def loss(log_scale):
        spread = np.sqrt(np.exp(2 * log_scale) + near)
        return -np.sum(student.logpdf(own / spread, NU) - np.log(spread))

    scale = np.exp(minimize_scalar(loss, bounds=(-6, 1), method="bounded").x)
    error = (mean[judged] - prediction - level)[rows][:, USED]
    spread = np.sqrt(scale**2 + variance[judged][rows][:, USED])
    return float(np.mean(student.logpdf(error / spread, NU) - np.log(spread))), scale, float(np.sqrt(np.mean(error**2)))


def twin_scores(twin, stages, mean, variance, fitted, judged, seed):
    """Return what the posterior predicts of the held-out half: log density (stage, freq) and mean spectrum."""
    used = np.broadcast_to(USED, mean[0].shape)[:, None]
    spectra = PersonSpectra(stages, ("EEG",), FREQ, mean[fitted][:, None], variance[fitted][:, None], used.copy())
    fit = fit_person(twin, spectra, no_graph(1, "one channel"), seed=seed, predictive_samples=400)
    predictive = fit.posterior_predictive["log_psd_model"].values[:, :, 0]
    scale = fit.posterior["residual_sd"].values.ravel()
    kept = np.unique(np.linspace(0, scale.size - 1, len(predictive)).round().astype(int))
    spread = np.sqrt(scale[kept][:, None, None] ** 2 + variance[judged])
    density = student.logpdf((mean[judged] - predictive) / spread, NU) - np.log(spread)
    mixed = np.logaddexp.reduce(density, axis=0) - np.log(len(predictive))
    return mixed, predictive.mean(axis=0), float(scale.mean())


def compare(data, compiled=None):
    """Return rows (model, parameters, score, rms error, residual) over all stages and over wake and N3 alone."""
    logs = whole_night(data)
    stages = tuple(logs)
    mean, variance = split(logs)
    population = others(data)
    everything, some = list(range(len(stages))), [i for i, s in enumerate(stages) if s in population]
    compiled = compiled or compile_twin(FREQ, 1, NU)
    found = {}
    for fitted, judged in ((0, 1), (1, 0)):
        mixed, ours, scale = twin_scores(compiled, stages, mean, variance, fitted, judged, seed=18 + fitted)
        every = [aperiodic_and_peaks(mean[fitted][i]) for i in everything]
        rival = np.array([one[0] for one in every])
        flat = np.zeros_like(rival)
        for i in some:
            flat[i] = population[stages[i]][0]
        for where, rows in (("five stages", everything), ("W and N3", some)):
            error = (mean[judged] - ours)[rows][:, USED]
            rms = float(np.sqrt(np.mean(error**2)))
            found.setdefault(("spectral twin", where), []).append((float(mixed[rows][:, USED].mean()), rms, scale))
            score, sd, rms = plug_in(rival, mean, variance, rows, fitted, judged)
            found.setdefault(("aperiodic + peaks", where), []).append((score, rms, sd))
        score, sd, rms = plug_in(flat, mean, variance, some, fitted, judged)
        found.setdefault(("population spectrum", "W and N3"), []).append((score, rms, sd))
        found.setdefault(("parameters of aperiodic + peaks", "five stages"), []).append(
            (sum(n for _, n in every), 0, 0)
        )
    return {key: np.mean(values, axis=0) for key, values in found.items()}


def main():
    """Print the scores."""
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("BRAINTWIN_DATA", str(Path(__file__).parents[2] / "shared" / "data"))
    given.add_argument("data", nargs="?", type=Path, default=Path(default))
    began = time.process_time()
    for (model, where), (score, rms, scale) in compare(given.parse_args().data).items():
        if model.startswith("parameters"):
            print(f"{model:32} {where:12} {score:.1f}")
            continue
        print(f"{model:32} {where:12} score {score:7.3f} nat/bin  rms {rms:.3f} nat  residual {scale:.3f}")
    print(f"CPU {time.process_time() - began:.0f} s")


if __name__ == "__main__":
    main()
