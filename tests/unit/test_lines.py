import numpy as np
import pytest

from braintwin.signals.lines import Line, find_lines, leakage_hz, line_mask
from braintwin.signals.spectra import welch_epochs

SFREQ, SAMPLES = 100.0, 3000
COUNTS = (40, 10, 80, 40, 30)
STAGES = np.repeat(np.arange(5), COUNTS)


def noise(seed: int, peaks: dict[int, tuple[float, float, float]] | None = None) -> np.ndarray:
    """1/f² noise (epoch, time), µV, with a Gaussian peak per stage: stage -> (Hz, full width, ratio to 1/f)."""
    rng = np.random.default_rng(seed)
    freqs = np.fft.rfftfreq(4 * SAMPLES, 1 / SFREQ)
    base = 100 / np.maximum(freqs, 0.3) ** 2 + 0.02
    epochs = np.empty((STAGES.size, SAMPLES))
    for index, stage in enumerate(STAGES):
        shape = base.copy()
        if peaks and stage in peaks:
            centre, width, height = peaks[stage]
            shape *= 1 + height * np.exp(-4 * np.log(2) * ((freqs - centre) / width) ** 2)
        spectrum = np.sqrt(shape) * (rng.normal(size=freqs.size) + 1j * rng.normal(size=freqs.size))
        epochs[index] = np.fft.irfft(spectrum * np.sqrt(SFREQ * SAMPLES), 4 * SAMPLES)[:SAMPLES]
    return epochs


def lines(epochs: np.ndarray, stages: np.ndarray = STAGES, high: float = 45.0, line_db: float = 3.0) -> list[Line]:
    clean = np.ones(stages.size, bool)
    return find_lines(epochs.astype(np.float32), stages, clean, SFREQ, low=0.3, high=high, line_db=line_db)


def with_tone(epochs: np.ndarray, hz: float, excess_db: float, seed: int = 0, drift: float = 0.0) -> np.ndarray:
    """Add a tone of random phase that stands `excess_db` over the noise in 4-s windows."""
    rng = np.random.default_rng(seed)
    psd, freqs = welch_epochs(epochs[:, None], SFREQ, 4.0)
    level = psd[:, 0, (np.abs(freqs - hz) > 1) & (np.abs(freqs - hz) < 2)].mean(axis=1)
    # Height of a tone of amplitude a in a Hann density: a²/2 over 1.5 / 4 Hz.
    amplitude = np.sqrt(2 * np.median(level) * (10 ** (excess_db / 10) - 1) * 1.5 / 4)
    time = np.arange(SAMPLES) / SFREQ
    where = hz + drift * rng.uniform(-1, 1, (len(epochs), 1))
    return epochs + amplitude * np.cos(2 * np.pi * where * time + rng.uniform(0, 2 * np.pi, (len(epochs), 1)))


@pytest.mark.parametrize("seed", range(8))
def test_a_tone_at_any_frequency_is_found(seed):
    hz = float(np.random.default_rng(100 + seed).uniform(3, 44))
    found = lines(with_tone(noise(seed), hz, 6.0, seed))
    assert len(found) == 1
    assert found[0].frequency == pytest.approx(hz, abs=0.06)
    assert found[0].width < 0.3
    assert found[0].excess_db == pytest.approx(6.0, abs=2.5)


@pytest.mark.parametrize("hz", [10.0, 22.0, 37.3])
def test_a_line_that_wanders_between_epochs_is_found_with_its_width(hz):
    (found,) = lines(with_tone(noise(1), hz, 13.0, drift=0.12))
    assert found.frequency == pytest.approx(hz, abs=0.08)
    assert 0.1 < found.width < 0.5


@pytest.mark.parametrize("seed", range(6))
def test_noise_without_lines_has_none(seed):
    assert lines(noise(seed), line_db=0.1) == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("width", [0.7, 1.0, 2.0])
def test_peaks_of_the_brain_are_never_lines(seed, width):
    alpha, sigma = (10.2, width, 30.0), (13.1, width, 15.0)
    assert lines(noise(seed, {0: alpha, 1: alpha, 2: sigma, 3: sigma, 4: alpha}), line_db=0.1) == []


def test_a_line_on_top_of_the_alpha_peak_is_found():
    epochs = with_tone(noise(2, {0: (10.0, 1.5, 20.0), 4: (10.0, 1.5, 5.0)}), 10.0, 15.0)
    assert [round(line.frequency, 1) for line in lines(epochs)] == [10.0]


def test_a_line_in_one_stage_of_several_is_not_called():
    epochs = noise(4)
    epochs[STAGES == 2] = with_tone(epochs[STAGES == 2], 30.0, 10.0)
    assert lines(epochs) == []
    only = STAGES == 2
    assert [round(line.frequency) for line in lines(epochs[only], STAGES[only])] == [30]


def test_least_height_is_respected():
    epochs = with_tone(noise(3), 25.0, 4.0)
    assert lines(epochs, line_db=8.0) == []
    assert len(lines(epochs, line_db=2.0)) == 1


def test_several_lines_come_in_order():
    epochs = with_tone(with_tone(noise(5), 33.0, 12.0), 18.5, 8.0)
    assert [round(line.frequency, 1) for line in lines(epochs)] == [18.5, 33.0]


def test_too_few_epochs_are_not_judged():
    epochs = with_tone(noise(6), 20.0, 20.0)[:5]
    assert lines(epochs, STAGES[:5]) == []


def test_a_notch_in_the_passband_is_a_hole():
    from scipy.signal import filtfilt, iirnotch

    sfreq, rng = 200.0, np.random.default_rng(0)
    b, a = iirnotch(50.0, 30.0, sfreq)
    epochs = filtfilt(b, a, rng.normal(0, 10, (STAGES.size, 6000)), axis=1).astype(np.float32)
    clean = np.ones(STAGES.size, bool)
    found = find_lines(epochs, STAGES, clean, sfreq, low=0.3, high=90, line_db=3.0)
    assert [line.frequency for line in found] == [50.0]
    assert found[0].excess_db < -6
    assert line_mask(np.array([45.0, 49.5, 50.0, 50.5, 55.0]), found, 4.0).tolist() == [False, True, True, True, False]
    assert find_lines(epochs, STAGES, clean, sfreq, low=0.3, high=45, line_db=3.0) == []


@pytest.mark.parametrize("excess_db", [6.0, 20.0, 40.0, 60.0])
@pytest.mark.parametrize("hz", [22.0, 21.9, 22.13])
def test_the_mask_covers_all_that_a_tone_leaks(hz, excess_db):
    """What is left outside the mask differs from the spectrum without the tone by less than 1 dB."""
    epochs = np.random.default_rng(0).normal(0, 10, (300, SAMPLES))
    added = with_tone(epochs, hz, excess_db, seed=1)
    freqs, logs = None, []
    for x in (epochs, added):
        psd, freqs = welch_epochs(x[:, None], SFREQ, 4.0)
        logs.append(10 * np.log10(psd[:, 0].mean(axis=0)))
    mask = line_mask(freqs, [Line(hz, 0.07, excess_db)], 4.0)
    inner = (freqs > 1) & (freqs < 40)
    assert np.abs(logs[1] - logs[0])[~mask & inner].max() < 1.0
    assert mask.sum() < 4 * (2 * leakage_hz(excess_db, 4.0) + 1)
    assert mask[np.argmin(np.abs(freqs - hz))]
