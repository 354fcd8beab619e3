import numpy as np
import pytest

from braintwin.contracts.prepare import ARTEFACTS
from braintwin.signals.artefacts import flat_epochs, judge, robust_z

SFREQ, SAMPLES = 100.0, 3000
STAGES = np.repeat([0, 2, 3], 40)
BIT = {reason: 1 << index for index, reason in enumerate(ARTEFACTS)}


@pytest.fixture
def eeg() -> np.ndarray:
    """Clean noise that is louder in N3: (120, 2, 3000) float32."""
    rng = np.random.default_rng(0)
    loudness = {0: 15.0, 2: 12.0, 3: 35.0}
    x = rng.normal(0, 1, (120, 2, SAMPLES)) * np.array([loudness[stage] for stage in STAGES.tolist()])[:, None, None]
    return x.astype(np.float32)


def mask_of(eeg: np.ndarray, **changes: object) -> np.ndarray:
    none = np.zeros(len(eeg), bool)
    given = {
        "flat": np.zeros(eeg.shape[:2], bool), "marked": none, "present": ~none,
        "amplitude_uv": 500.0, "amplitude_z": 6.0, "muscle_z": 5.0,
    } | changes  # fmt: skip
    return judge(eeg, STAGES, SFREQ, 45.0, **given)


def test_clean_epochs_are_kept(eeg):
    assert (mask_of(eeg) == 0).mean() > 0.99


def test_a_peak_is_an_amplitude_artefact_of_its_channel_alone(eeg):
    eeg[7, 1, 100] = -900.0
    mask = mask_of(eeg)
    assert mask[7, 1] & BIT["amplitude"]
    assert mask[7, 0] == 0


def test_without_a_unit_no_absolute_threshold_applies(eeg):
    assert (mask_of(eeg * 1e4)[:, 0] & BIT["amplitude"]).all()
    np.testing.assert_array_equal(mask_of(eeg * 1e4, amplitude_uv=None), mask_of(eeg, amplitude_uv=None))


def test_amplitude_is_judged_within_the_stage(eeg):
    eeg[50] *= 8  # an N2 epoch, louder than its stage, below 500 µV
    mask = mask_of(eeg)
    assert (mask[50] & BIT["amplitude"]).all()
    assert (mask[STAGES == 3] == 0).mean() > 0.99


def test_muscle_is_found(eeg):
    rng = np.random.default_rng(1)
    time = np.arange(SAMPLES) / SFREQ
    burst = sum(np.sin(2 * np.pi * f * time + rng.uniform(0, 6)) for f in rng.uniform(26, 44, 60))
    eeg[10] += (4 * burst).astype(np.float32)
    mask = mask_of(eeg, amplitude_z=50.0)
    assert (mask[10] == BIT["muscle"]).all()


def test_marked_and_absent_epochs_carry_their_reason(eeg):
    marked, present = np.zeros(120, bool), np.ones(120, bool)
    marked[3], present[4] = True, False
    eeg[4] = 0
    mask = mask_of(eeg, marked=marked, present=present)
    assert (mask[3] == BIT["marked"]).all()
    assert (mask[4] == BIT["absent"]).all()


def test_a_dead_channel_is_flat_and_does_not_warn(eeg):
    eeg[:, 1] = 0
    mask = mask_of(eeg)
    assert (mask[:, 1] == BIT["flat"]).all()
    assert (mask[:, 0] == 0).mean() > 0.99


def test_flat_stretches_are_found_where_they_are():
    rng = np.random.default_rng(2)
    data = rng.normal(0, 10, (2, 10 * SAMPLES))
    data[0, 2 * SAMPLES + 500 : 2 * SAMPLES + 1200] = 33.0  # 7 s in epoch 2
    data[1, 5 * SAMPLES + 500 : 5 * SAMPLES + 800] = 33.0  # 3 s in epoch 5: too short
    found = flat_epochs(data, SFREQ, np.arange(10) * 30.0, 30.0, within=0.5, seconds=5.0)
    assert np.argwhere(found).tolist() == [[2, 0]]


def test_flat_edges_of_a_neighbour_do_not_count():
    data = np.random.default_rng(2).normal(0, 10, (1, 3 * SAMPLES))
    data[0, SAMPLES : 2 * SAMPLES] = 0.0
    found = flat_epochs(data, SFREQ, np.arange(3) * 30.0, 30.0, within=0.5, seconds=5.0)
    assert found[:, 0].tolist() == [False, True, False]


def test_robust_z_is_that_of_a_normal_distribution():
    values = np.random.default_rng(0).normal(5, 2, (4000, 1))
    z = robust_z(values, np.zeros(4000, int))
    assert z.mean() == pytest.approx(0, abs=0.1)
    assert z.std() == pytest.approx(1, abs=0.05)
    assert np.isnan(robust_z(np.full((6, 1), np.nan), np.zeros(6, int))).all()
