"""The spectral twin on a whole real night (UCDDB 018): every chain in the one real mode, a small residual."""

import csv
import importlib.util
import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import welch

from braintwin.contracts.stages import STAGES
from braintwin.inference.diagnose import ess, rhat
from braintwin.inference.person_graph import no_graph
from braintwin.inference.person_spectra import PersonSpectra
from braintwin.inference.spectral import compile_twin
from braintwin.inference.spectral_fit import fit_person
from braintwin.inference.starts import agreement
from braintwin.models import sleep_priors
from braintwin.options.check import CheckOptions
from braintwin.steps.check import Findings, spectral_gates

pytestmark = [pytest.mark.real, pytest.mark.slow]

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "spectral_rivals.py"
CODES = {"Wake": "W", "REM": "R", "N1": "N1", "N2": "N2", "N3": "N3"}


@pytest.fixture(scope="module")
def spectra(real_data):
    """Return the log spectra of the even clean epochs; the recording has an interference line at 22 Hz."""
    import mne

    folder = real_data / "ucddb" / "bids" / "sub-ucddb018" / "eeg"
    raw = mne.io.read_raw_edf(next(folder.glob("*_eeg.edf")), preload=True, verbose="error")
    sfreq = raw.info["sfreq"]
    signal = 1e6 * raw.get_data(picks=[0])[0]
    with next(folder.glob("*_events.tsv")).open() as stream:
        events = list(csv.DictReader(stream, delimiter="\t"))
    freq = np.arange(1.0, 40.1, 0.5)
    shape = (len(STAGES), 1, len(freq))
    mean, variance = np.zeros(shape), np.ones(shape)
    for s, stage in enumerate(STAGES):
        logs = []
        for event in events:
            start = round(float(event["onset"]) * sfreq)
            piece = signal[start : start + round(30 * sfreq)]
            clean = event["eeg_present"] == "1" and event["bad_by_eye"] == "0" and len(piece) == round(30 * sfreq)
            even = round(float(event["onset"]) / 30) % 2 == 0
            if clean and even and CODES.get(event["trial_type"]) == stage and np.ptp(piece) > 0:
                f, power = welch(piece, sfreq, nperseg=round(4 * sfreq))
                logs.append(np.log(np.interp(freq, f, power)))
        mean[s, 0] = np.mean(logs, axis=0)
        variance[s, 0] = np.var(logs, axis=0, ddof=1) / len(logs)
    used = np.ones(shape, bool)
    used[..., np.abs(freq - 22) < 1.2] = False
    return PersonSpectra(STAGES, ("EEG",), freq, mean, variance, used)


@pytest.fixture(scope="module")
def twin(spectra):
    return compile_twin(spectra.freq, 1, 4.0)


@pytest.fixture(scope="module")
def fit(twin, spectra):
    return fit_person(twin, spectra, no_graph(1, "one channel"), seed=18, cores=2)


def test_every_chain_agrees(fit):
    posterior = fit.posterior
    for name in ("X", "Y", "Z", "emg_fraction", "alpha", "t0", "residual_sd"):
        values = posterior[name].values
        for column in values.reshape(*values.shape[:2], -1).transpose(2, 0, 1):
            assert rhat(column) <= 1.01, name
            assert ess(column) >= 400, name
    assert float(fit.sample_stats["diverging"].mean()) < 0.001
    assert float(fit.sample_stats["stable"].mean()) > 0.99


def test_starts_reach_one_best_mode(fit):
    # 22 of 48 starts from the prior reached it, however wide they were spread: 24 miss it once in two million
    n_best, gap = agreement(fit.starts["log_posterior"].values)
    assert n_best >= 6
    assert gap > 10  # in nats of the weighted likelihood, in which three to four bins count as one


def test_the_night_has_one_explanation(fit):
    assert fit.explanations.sizes["explanation"] == 1
    assert fit.others.sizes["explanation"] == 0


@pytest.fixture(scope="module")
def rivals():
    spec = importlib.util.spec_from_file_location("spectral_rivals", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_held_out_blocks_are_told_better_than_by_rivals(real_data, twin, rivals):
    found = rivals.compare(real_data, twin)
    ours, peaks = (found[model, "alone", "all"][0] for model in ("spectral twin", "aperiodic + peaks"))
    helped = found["spectral twin", "with discrepancy", "all"][0]
    # with what it leaves out learned from the same blocks the twin beats the published method, but not by itself;
    # the published method with the same help is level: docs/explanation/spectral-twin.md
    assert helped > peaks + 0.3
    assert helped > ours + 0.3
    assert abs(helped - found["aperiodic + peaks", "with discrepancy", "all"][0]) < 0.1
    assert ours > found["spectral graph model", "alone", "all"][0] + 0.2
    for stage in ("W", "N3"):
        assert found["spectral twin", "alone", stage][0] > found["population spectrum", "alone", stage][0] + 0.2


def test_partial_patients_fit_or_are_refused_with_the_reason(real_data, twin, rivals):
    """One patient with wake alone, two with wake and N3: the other stages are left at their prior."""
    people = rivals.partial_nights(real_data)
    for name, stages in (("ucddb014", ["W"]), ("ucddb002", ["W", "N3"]), ("ucddb003", ["W", "N3"])):
        logs = people[name]
        assert list(logs) == stages
        mean = np.array([found.mean(axis=0) for found in logs.values()])
        variance = np.array([found.var(axis=0, ddof=1) / len(found) for found in logs.values()])
        spectra = rivals.one_channel(logs, mean, variance)
        fit = fit_person(twin, spectra, no_graph(1, "one channel"), seed=1, starts=12)
        assert list(fit.posterior["stage"].values) == list(logs)
        residual = float(fit.posterior["residual_sd"].mean())
        found = Findings()
        spectral_gates(found, fit.groups(), CheckOptions())
        refused = [reason for reason in found.reasons if "residual" in reason or "stable" in reason]
        assert residual < 0.5 or refused, name
        if len(logs) == 2 and not refused:
            x = fit.posterior["X"].mean(("chain", "draw"))
            assert float(x.sel(stage="N3")) > float(x.sel(stage="W")) - 0.1


def test_neighbouring_frequencies_of_a_real_spectrum_say_the_same_thing(fit):
    """What the model misses of a night is smooth: bins taken as independent would make intervals half as wide."""
    assert 2 < float(fit.observed_data["repeats"].mean()) < 6


def test_stage_priors_are_those_of_these_patients(real_data, twin):
    """Fitted under the priors that ship, the patients give these priors back."""
    script = runpy.run_path(str(SCRIPT.with_name("stage_priors.py")))
    found = script["refitted"](script["posteriors"](real_data, twin))
    assert [found["X", stage].people for stage in STAGES] == [13, 1, 1, 11, 1]
    for stage in STAGES:
        shipped = sleep_priors.STAGE_PRIORS[stage].unbounded()
        for name, (mean, sd) in shipped.items():
            assert abs(found[name, stage].mean - mean) < 0.3 * sd, (stage, name)
            assert 0.75 < found[name, stage].sd / sd < 1.33, (stage, name)
    assert abs(found["t0"].mean - sleep_priors.T0_MEAN) < 0.3 * sleep_priors.T0_SD


def test_residual_and_stage_order(fit):
    assert 0.05 < float(fit.posterior["residual_sd"].mean()) < 0.25
    x = fit.posterior["X"].mean(("chain", "draw"))
    assert float(x.sel(stage="N3")) > float(x.sel(stage="W"))
