"""Small recordings that are not BIDS: Sleep-EDF pairs with known stages, and plain EDF."""

from collections.abc import Sequence
from datetime import date, time
from pathlib import Path

import numpy as np
from edfio import Edf, EdfAnnotation, EdfSignal, Patient, Recording

RK = {"W": "Sleep stage W", "N1": "Sleep stage 1", "N2": "Sleep stage 2", "N3": "Sleep stage 4", "R": "Sleep stage R"}
RK["?"], RK["M"] = "Sleep stage ?", "Movement time"

NIGHT = (
    ("W",) * 12 + ("N1",) * 4 + ("N2",) * 20 + ("N3",) * 16 + ("M", "N2", "N2") + ("R",) * 12 + ("W",) * 5 + ("N2",) * 8
)
"""Stages of 30 s."""

START = time(23, 12, 30)
PATIENT = Patient(code="RC-17", sex="F", birthdate=date(1956, 7, 2), name="Miller_Ann")
RECORDING = Recording(
    startdate=date(1989, 4, 24), hospital_administration_code="PSG-1234", investigator_technician_code="JB"
)


def polysomnogram(path: Path, epochs: int, seed: int = 1, eeg_rate: int = 100) -> None:
    """Write a PSG as Sleep-EDF has it: four signals of 100 Hz, three of 1 Hz; patient and date in the header."""
    rng = np.random.default_rng(seed)
    seconds = 30 * epochs

    def signal(label: str, rate: int, unit: str, size: float) -> EdfSignal:
        data = size * rng.standard_normal(seconds * rate)
        return EdfSignal(data, rate, label=label, physical_dimension=unit, physical_range=(-10 * size, 10 * size))

    signals = [
        signal("EEG Fpz-Cz", eeg_rate, "uV", 20.0),
        signal("EEG Pz-Oz", eeg_rate, "uV", 15.0),
        signal("EOG horizontal", eeg_rate, "uV", 40.0),
        signal("Resp oro-nasal", 1, "", 500.0),
        signal("EMG submental", 1, "uV", 3.0),
        signal("Temp rectal", 1, "DegC", 30.0),
        signal("Event marker", 1, "", 900.0),
    ]
    edf = Edf(signals, patient=PATIENT, recording=RECORDING, starttime=START, data_record_duration=30.0)
    edf.write(path)


def hypnogram(path: Path, stages: Sequence[str] = NIGHT, *, start: time = START, day: date = date(1989, 4, 24)) -> None:
    """Write a hypnogram as Sleep-EDF has it: an EDF+ of annotations alone, equal epochs merged, unscored at the end."""
    rows, first = [], 0
    for i in range(1, len(stages) + 1):
        if i == len(stages) or stages[i] != stages[first]:
            rows.append(EdfAnnotation(30.0 * first, 30.0 * (i - first), RK[stages[first]]))
            first = i
    rows.append(EdfAnnotation(30.0 * len(stages), 86400.0 - 30.0 * len(stages), RK["?"]))
    Edf([], patient=PATIENT, recording=Recording(startdate=day), starttime=start, annotations=rows).write(path)


def plain(path: Path, labels: Sequence[str] = ("C3-A2", "EOG1", "CHIN"), epochs: int = 60, seed: int = 1) -> None:
    """Write a plain EDF."""
    rng = np.random.default_rng(seed)
    data = [20.0 * rng.standard_normal(30 * epochs * 100) for _ in labels]
    signals = [
        EdfSignal(row, 100, label=label, physical_dimension="uV", physical_range=(-200, 200))
        for label, row in zip(labels, data, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    Edf(signals, patient=PATIENT, recording=RECORDING, starttime=START).write(path)
