import numpy as np
import pytest

from braintwin.signals.epochs import Passband, condition, cut, passband, subtract_reference, usable_for_average


def tone(hz: float, sfreq: float, seconds: float = 120.0, amplitude: float = 50.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * sfreq)) / sfreq)[None]


@pytest.mark.parametrize("native", [100.0, 128.0, 200.0, 256.0, 512.0])
@pytest.mark.parametrize("hz", [0.5, 1.0, 10.0, 22.0, 40.0, 44.5])
def test_amplitude_in_the_passband_is_kept_and_in_phase(native, hz):
    found = condition(tone(hz, native), native, passband(native, 100.0, 0.3, 45.0, 30.0))
    inner = slice(2000, -2000)
    expected = tone(hz, 100.0)[:, : found.shape[1]]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, inner], expected[:, inner], atol=1.0)


@pytest.mark.parametrize("hz", [0.01, 62.0, 78.0, 90.0, 120.0])
def test_what_is_outside_is_removed_and_not_aliased(hz):
    found = condition(tone(hz, 256.0, 300.0), 256.0, passband(256.0, 100.0, 0.3, 45.0, 30.0))
    assert np.abs(found[:, 3000:-3000]).max() < 0.5


@pytest.mark.parametrize(
    ("native", "rate", "lowpass"),
    [(128.0, 100.0, 45.0), (64.0, 64.0, 28.8), (100.0, 100.0, 45.0), (99.7, 99.7, 44.865)],
)
def test_the_rate_never_rises_and_the_edge_follows(native, rate, lowpass):
    band = passband(native, 100.0, 0.3, 45.0, 30.0)
    assert (band.sfreq, band.lowpass) == (rate, pytest.approx(lowpass))


def test_an_epoch_holds_whole_samples():
    band = passband(85.333, 100.0, 0.3, 45.0, 30.0)
    assert band.sfreq * 30 == round(band.sfreq * 30)


def test_gaps_and_short_excerpts_are_survived():
    data = tone(10.0, 100.0, 8.0)
    data[0, 50:60] = np.nan
    found = condition(data, 100.0, Passband(100.0, 0.3, 45.0))
    assert np.isfinite(found).all()


def test_epochs_lie_on_the_scoring_grid_whatever_its_offset():
    sfreq, offset = 100.0, 691.9
    data = (np.arange(int(1000 * sfreq)) / sfreq).astype(np.float32)[None]  # its value is the time
    onsets = offset + 30.0 * np.arange(12)
    epochs, present = cut(data, sfreq, onsets, 30.0)
    assert present.tolist() == [True] * 10 + [False] * 2
    np.testing.assert_allclose(epochs[:10, 0, 0], onsets[:10], atol=0.006)
    assert not epochs[10:].any()
    _, early = cut(data, sfreq, np.array([-10.0, 0.0]), 30.0)
    assert early.tolist() == [False, True]


def test_common_average_leaves_out_dead_and_loud_channels():
    rng = np.random.default_rng(0)
    common = rng.normal(0, 20, (5, 1, 3000))
    own = rng.normal(0, 5, (5, 5, 3000))
    eeg = (common + own).astype(np.float32)
    eeg[:, 3], eeg[:, 4] = 0, eeg[:, 4] * 100
    usable = usable_for_average(eeg)
    assert usable.tolist() == [True, True, True, False, False]
    subtract_reference(eeg, np.flatnonzero(usable))
    np.testing.assert_allclose(eeg[:, :3].mean(axis=1), 0, atol=1e-4)
    assert eeg[:, 0].std() < 6
