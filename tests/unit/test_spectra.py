import mne
import numpy as np
import pytest
from scipy.signal import freqz, lfilter, welch

from braintwin.signals.spectra import band_power, effective_windows, log_bias, stage_spectrum, welch_epochs

SFREQ, EPOCH_S = 100.0, 30.0


def white(epochs: int, density: float, seed: int = 0, channels: int = 1) -> np.ndarray:
    """White noise of a one-sided density, µV²/Hz."""
    sd = np.sqrt(density * SFREQ / 2)
    return np.random.default_rng(seed).normal(0, sd, (epochs, channels, int(EPOCH_S * SFREQ)))


def test_level_is_that_of_scipy_and_mne():
    x = white(3, 4.0, channels=2)
    psd, freqs = welch_epochs(x, SFREQ, 4.0)
    freqs_scipy, by_scipy = welch(x, SFREQ, window="hann", nperseg=400, noverlap=200, detrend="constant")
    by_mne, freqs_mne = mne.time_frequency.psd_array_welch(
        x, SFREQ, fmin=0, fmax=50, n_fft=400, n_per_seg=400, n_overlap=200, window="hann", verbose="error"
    )
    np.testing.assert_allclose(freqs, freqs_scipy)
    np.testing.assert_allclose(psd, by_scipy, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(freqs, freqs_mne)
    inner = (freqs > 0) & (freqs < 50)
    np.testing.assert_allclose(psd[..., inner], by_mne[..., inner], rtol=1e-9)


def test_white_noise_has_its_known_density():
    psd, freqs = welch_epochs(white(200, 4.0), SFREQ, 4.0)
    inner = (freqs >= 1) & (freqs <= 40)
    assert psd[..., inner].mean() == pytest.approx(4.0, rel=0.01)
    assert band_power(psd, freqs, 1.0, 40.0).mean() == pytest.approx(4.0 * 39.25, rel=0.01)


def test_autoregressive_noise_has_its_known_spectrum():
    a = np.array([1.0, -1.5, 0.8])
    rng = np.random.default_rng(3)
    x = lfilter([1.0], a, rng.normal(0, 10, 400 * 3000 + 1000))[1000:].reshape(400, 1, 3000)
    psd, freqs = welch_epochs(x, SFREQ, 4.0)
    bias = log_bias(effective_windows(400, 3000))
    _, log, variance = stage_spectrum(psd[:, 0], np.ones(400, bool), bias)
    inner = (freqs >= 1) & (freqs <= 40)
    _, response = freqz([1.0], a, freqs[inner], fs=SFREQ)
    truth = np.log(np.abs(response) ** 2 * 100 * 2 / SFREQ)
    z = (log[inner] - truth) / np.sqrt(variance[inner])
    # Neighbouring bins of a Hann window are correlated; the mean of z over 157 bins has sd of about 0.12.
    assert abs(z.mean()) < 0.5
    assert np.abs(z).max() < 5
    assert np.abs(log[inner] - truth).max() < 0.08


@pytest.mark.parametrize("window_s", [2.0, 4.0, 10.0, 30.0])
def test_mean_log_is_unbiased_for_the_log_of_the_density(window_s):
    density, epochs = 2.5, 3000
    psd, freqs = welch_epochs(white(epochs, density, seed=11), SFREQ, window_s)
    samples, width = round(EPOCH_S * SFREQ), round(window_s * SFREQ)
    bias = log_bias(effective_windows(width, samples))
    _, log, _ = stage_spectrum(psd[:, 0], np.ones(epochs, bool), bias)
    inner = (freqs >= 1) & (freqs <= 40)
    error = log[inner].mean() - np.log(density)
    assert abs(error) < 0.004
    # Without the correction the error is far larger than that.
    assert abs(error + bias) > 3 * 0.004


def test_effective_windows_give_the_variance_of_the_mean_power():
    psd, freqs = welch_epochs(white(4000, 1.0, seed=5), SFREQ, 4.0)
    inner = (freqs >= 2) & (freqs <= 40)
    relative = psd[:, 0, inner].var(axis=0).mean() / psd[:, 0, inner].mean() ** 2
    assert 1 / relative == pytest.approx(effective_windows(400, 3000), rel=0.02)
    assert effective_windows(3000, 3000) == 1.0


def test_bias_is_about_minus_one_over_2k():
    assert log_bias(13.3) == pytest.approx(-1 / (2 * 13.3), rel=0.05)
    assert log_bias(1.0) == pytest.approx(-np.euler_gamma)


def test_variance_is_that_of_the_mean():
    rng = np.random.default_rng(0)
    logs = rng.normal(1.0, 0.5, (50, 4))
    _, mean, variance = stage_spectrum(np.exp(logs), np.ones(50, bool), 0.0)
    np.testing.assert_allclose(mean, logs.mean(axis=0))
    np.testing.assert_allclose(variance, logs.var(axis=0, ddof=1) / 50)


def test_window_longer_than_the_epoch_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        welch_epochs(white(1, 1.0), SFREQ, 31.0)
