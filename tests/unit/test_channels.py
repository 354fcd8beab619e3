import numpy as np
import pytest

from braintwin.io.channels import derivation, positions, role, select_eeg

SEEN = [
    # name, declared type, role: names of public sleep datasets
    ("EEG Fpz-Cz", "EEG", "eeg"), ("EOG horizontal", "EEG", "eog"), ("EMG submental", "EEG", "emg"),
    ("Resp oro-nasal", "EEG", "resp"), ("Temp rectal", "EEG", "other"), ("Event marker", "EEG", "event"),
    ("Marker", "EEG", "event"), ("PSG_F3", "EEG", "eeg"), ("PSG_EMG", "EEG", "emg"), ("PSG_EOGL", "EEG", "eog"),
    ("HB_1", "EEG", "eeg"), ("HB_IMU_1", "OTHER", "other"), ("PSG_CAN", "EEG", "resp"), ("PSG_THER", "EEG", "resp"),
    ("PSG_ABD", "EEG", "resp"), ("PSG_THOR", "EEG", "resp"), ("HB_PULSE", "OTHER", "other"),
    ("F4:A1", "EEG", "eeg"), ("EOG1:A2", "EOG", "eog"), ("EMG1:EMG3", "EMG", "emg"), ("R5", "EEG", "eeg"),
    ("L4A", "EEG", "eeg"), ("GyroX", "MISC", "other"), ("AccelerX", "MISC", "other"), ("ECG II", "ECG", "ecg"),
    ("FP1-AFz", "n/a", "eeg"), ("F3-M2", "EEG", "eeg"), ("E1-M2", "EOG", "eog"), ("E1-M2", "EEG", "eog"),
    ("Chin1-Chin2", "EMG", "emg"), ("ABD", "MISC", "resp"), ("CHEST", "MISC", "resp"), ("AIRFLOW", "MISC", "resp"),
    ("SaO2", "MISC", "other"), ("LEOG", "EEG", "eog"), ("REMG", "EEG", "emg"), ("M1", "EEG", "mastoid"),
    ("EEG central", "EEG", "eeg"), ("EEG central", "", "eeg"), ("C3", "", "eeg"), ("T3-A2", "", "eeg"),
    ("Right Leg", "", "emg"), ("C3 Impédance", "", "other"), ("C3-M2 (Imp)", "", "other"), ("Light", "", "other"),
    ("Fp1", "MISC", "eeg"), ("X Axis", "", "other"), ("1", "", "other"), ("EOGr", "EOG", "eog"),
    ("belt", "RESP", "resp"), ("aux7", "TRIG", "event"), ("aux7", "MISC", "other"), ("aux7", "EEG", "eeg"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "declared", "expected"), SEEN)
def test_roles_of_channels_that_were_seen(name, declared, expected):
    assert role(name, declared) == expected


@pytest.mark.parametrize(
    ("name", "active", "reference"),
    [("EEG C3-A2", "C3", "A2"), ("C4:A1", "C4", "A1"), ("PSG_F3", "F3", ""), ("EEG Fpz-Cz", "Fpz", "Cz"),
     ("FP1-AFz", "Fp1", "AFz"), ("EEG F3-LE", "F3", ""), ("C3-REF", "C3", ""), ("EEG central", "central", "")],
)  # fmt: skip
def test_derivations(name, active, reference):
    found = derivation(name)
    assert (found.active, found.reference) == (active, reference)


def test_a_derivation_stands_for_its_electrode():
    roles = {name: role(name) for name in ["C3", "C3-M2", "C4", "M1", "M2", "E1"]}
    assert select_eeg(roles) == ["C3-M2", "C4"]
    assert select_eeg(roles, ["c4", "C3"]) == ["C3", "C4"]
    assert select_eeg({name: role(name) for name in ["C3-M2", "E1"]}, ["C3"]) == ["C3-M2"]
    assert select_eeg(roles, ["C3-M2"]) == ["C3-M2"]


def test_positions_are_in_metres_and_only_where_known():
    where = positions(["C3-M2", "C4", "Fpz-Cz", "central", "T3"])
    assert where.shape == (5, 3)
    assert where[0, 0] < 0 < where[1, 0]
    assert 0.05 < np.linalg.norm(where[0]) < 0.15
    assert np.isnan(where[3]).all()
    np.testing.assert_allclose(where[2], positions(["Fpz", "Cz"]).mean(axis=0))
    np.testing.assert_allclose(where[4], positions(["T7"])[0])
    assert positions([]).shape == (0, 3)
