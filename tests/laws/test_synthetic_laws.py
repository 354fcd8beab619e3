"""What holds for every synthetic brain and night."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from braintwin.synthetic.cohort import EEG_CHANNELS
from braintwin.synthetic.eeg import night_eeg
from braintwin.synthetic.people import draw_spectral
from braintwin.synthetic.recording import draw_artefacts, epochs_touched, line_in
from braintwin.synthetic.spectrum import cross_spectrum
from braintwin.synthetic.truth import SpectralTruth

SEEDS = st.integers(0, 2**32 - 1)
STAGE = st.sampled_from(["W", "N1", "N2", "N3", "R"])


@settings(max_examples=25)
@given(seed=SEEDS, stage=STAGE)
def test_cross_spectra_are_symmetric_and_positive(seed: int, stage: str) -> None:
    truth = draw_spectral(EEG_CHANNELS, np.random.default_rng(seed))
    spectrum = cross_spectrum(truth, stage, np.linspace(0.5, 50, 40))
    assert_allclose(spectrum, np.swapaxes(spectrum, 1, 2), rtol=1e-12, atol=1e-12)
    lowest = np.linalg.eigvalsh(spectrum).min(axis=1)
    assert (lowest > 0).all()


@settings(max_examples=15)
@given(seed=SEEDS, stage=STAGE, factor=st.floats(0.01, 100))
def test_input_power_scales_the_whole_spectrum(seed: int, stage: str, factor: float) -> None:
    truth = draw_spectral(EEG_CHANNELS, np.random.default_rng(seed))
    loop = truth.stages[stage]
    louder = loop.model_copy(update={"log_scale": [v + np.log(factor) for v in loop.log_scale]})
    other = truth.model_copy(update={"stages": {**truth.stages, stage: louder}})
    freq = np.linspace(0.5, 50, 20)
    assert_allclose(cross_spectrum(other, stage, freq), factor * cross_spectrum(truth, stage, freq), rtol=1e-9)


@settings(max_examples=15)
@given(seed=SEEDS)
def test_a_truth_survives_being_written(seed: int) -> None:
    truth = draw_spectral(EEG_CHANNELS, np.random.default_rng(seed))
    assert SpectralTruth.model_validate_json(truth.model_dump_json()) == truth


@settings(max_examples=15)
@given(
    seed=SEEDS, stages=st.lists(st.integers(0, 4), min_size=1, max_size=20), sfreq=st.sampled_from([64.0, 100.0, 129.0])
)
def test_any_hypnogram_gives_finite_signals_of_its_length(seed: int, stages: list[int], sfreq: float) -> None:
    truth = draw_spectral(EEG_CHANNELS, np.random.default_rng(3))
    eeg = night_eeg(truth, np.array(stages, dtype=np.int8), sfreq, 0.3, np.random.default_rng(seed))
    assert eeg.shape == (6, len(stages) * 30 * int(sfreq))
    assert np.isfinite(eeg).all()
    assert (eeg.std(axis=1) > 3).all()


@settings(max_examples=25)
@given(seed=SEEDS, epochs=st.integers(120, 1600))
def test_artefacts_stay_inside_the_night_and_are_few(seed: int, epochs: int) -> None:
    found = draw_artefacts(epochs, list(EEG_CHANNELS), np.random.default_rng(seed))
    assert all(a.onset >= 0 and a.onset + a.duration <= epochs * 30 + 0.02 for a in found)
    assert epochs_touched(found, epochs).mean() < 0.12


@settings(max_examples=10)
@given(seed=SEEDS, freq=st.floats(5, 31))
def test_a_line_rises_with_the_spectrum_beneath_it(seed: int, freq: float) -> None:
    truth = draw_spectral(EEG_CHANNELS, np.random.default_rng(seed))
    level = max(np.einsum("fii->fi", cross_spectrum(truth, s, [freq])).max() for s in truth.stages)
    assert_allclose(line_in(truth, freq).amplitude_uv ** 2 / 2 / 0.375 / level, 10**0.8, rtol=1e-6)
