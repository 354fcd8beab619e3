"""Automatic staging against human scoring, on the night and the segment at hand that have both.

Measured with YASA 0.8.1, one EEG channel, no EOG or EMG: UCDDB 018 (822 scored epochs) 86.7 % agreement, kappa 0.81;
pydynamo's segment (167 epochs) 86.8 %, kappa 0.79. The mean of the highest probability was 0.86 and 0.80, so the
confidence is about as large as the agreement; below 0.5 it was right in 30 and 42 % of epochs, above 0.9 in 97 and
99 %. Two recordings of two people are an example and no validation: Vallat & Walker 2021 (doi:10.7554/eLife.70092)
have that.
"""

import csv
from pathlib import Path

import numpy as np
import pytest

from braintwin.io.eeg import open_recording
from braintwin.io.hypnogram import read_hypnogram
from braintwin.options.dataset import StageOptions
from braintwin.signals.epochs import Passband, condition
from braintwin.signals.staging import Staged, stage

pytestmark = [pytest.mark.real, pytest.mark.slow]

BAND = Passband(100.0, 0.3, 45.0)


def ucddb(data: Path) -> tuple[np.ndarray, Staged]:
    folder = data / "ucddb" / "bids" / "sub-ucddb018" / "eeg"
    recording = open_recording(folder / "sub-ucddb018_task-sleep_eeg.edf")
    (name,) = (name for name, kind in recording.roles.items() if kind == "eeg")
    signal = condition(recording.read([name]), recording.sfreq[name], BAND)[0]
    truth = read_hypnogram(folder / "sub-ucddb018_task-sleep_events.tsv", StageOptions()).stages
    return truth, stage(signal, 100.0)


def pydynamo(data: Path) -> tuple[np.ndarray, Staged]:
    """Return the stage at the middle of each epoch (its README gives the codes), and YASA's."""
    folder = data / "fixtures" / "pydynamo_segment"
    signal = np.loadtxt(folder / "segment_data.csv")
    codes = {0: -1, 1: 3, 2: 2, 3: 1, 4: 4, 5: 0}
    with (folder / "segment_stages.csv").open() as stream:
        rows = [(float(row["Time"]), codes[int(row["Stage"])]) for row in csv.DictReader(stream)]
    onsets = np.array([onset for onset, _ in rows])
    middles = np.arange(signal.size // 3000) * 30 + 15
    truth = np.array([stage for _, stage in rows])[np.searchsorted(onsets, middles, side="right") - 1]
    return truth, stage(condition(signal[None], 100.0, BAND)[0], 100.0)


def kappa(one: np.ndarray, other: np.ndarray) -> float:
    """Return Cohen's kappa."""
    table = np.zeros((5, 5))
    np.add.at(table, (one, other), 1)
    chance = table.sum(0) @ table.sum(1) / table.sum() ** 2
    return float((np.trace(table) / table.sum() - chance) / (1 - chance))


@pytest.mark.parametrize(("source", "scored"), [(ucddb, 822), (pydynamo, 167)])
def test_agreement_with_a_human_and_confidence(real_data: Path, source, scored: int) -> None:
    truth, found = source(real_data)
    size = min(truth.size, found.stages.size)
    known = truth[:size] >= 0
    truth, stages, probability = truth[:size][known], found.stages[:size][known], found.probability[:size][known]
    assert truth.size == scored
    assert (truth == stages).mean() == pytest.approx(0.867, abs=0.02)
    assert kappa(truth, stages) > 0.75
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(probability.argmax(axis=1), stages)
    confidence, right = probability.max(axis=1), truth == stages
    # what "soft" promises: confidence is near the agreement, and sorts the right epochs from the wrong ones
    assert abs(confidence.mean() - right.mean()) < 0.08
    assert right[confidence > 0.9].mean() > 0.95
    assert right[confidence < 0.5].mean() < 0.55
