"""The connectome of a real clinical recording (two minutes, six scalp electrodes against one reference)."""

import mne
import numpy as np
import pytest
from mne_connectivity import spectral_connectivity_epochs

from braintwin.contracts.connect import MEASURES
from braintwin.signals.connectome import Settings, stage_connectome
from braintwin.signals.coupling import PHASE_MEASURES

BANDS = {"delta": (1.0, 4.0), "alpha": (8.0, 12.0), "beta": (15.0, 30.0)}


@pytest.fixture(scope="module")
def epochs(real_data) -> np.ndarray:
    path = next((real_data / "fixtures").rglob("subject1.edf"))
    include = ["F3", "F4", "C3", "C4", "O1", "O2"]
    raw = mne.io.read_raw_edf(path, include=include, encoding="latin1", preload=True, verbose="error")
    assert sorted(raw.ch_names) == sorted(include)
    raw.filter(0.3, 45, verbose="error").resample(100, verbose="error")
    signals = raw.get_data()[:, :12000] * 1e6
    return np.ascontiguousarray(signals.reshape(6, 12, 1000).transpose(1, 0, 2), dtype=np.float32)


@pytest.mark.real
def test_real_eeg_gives_the_numbers_of_mne_connectivity(epochs):
    found = stage_connectome(epochs, np.ones(epochs.shape[:2], bool), Settings(100.0, 4.0, BANDS))
    cut = np.lib.stride_tricks.sliding_window_view(epochs.astype(np.float64), 400, axis=-1)[:, :, ::200]
    pairs = np.triu_indices(6, 1)
    peers = spectral_connectivity_epochs(
        cut.transpose(0, 2, 1, 3).reshape(-1, 6, 400), method=["coh", "imcoh", "plv", "pli", "wpli", "wpli2_debiased"],
        indices=pairs, sfreq=100, mode="fourier", faverage=True, verbose="error",
        fmin=[low for low, _ in BANDS.values()], fmax=[high - 1e-6 for _, high in BANDS.values()],
    )  # fmt: skip
    for measure, peer in zip(PHASE_MEASURES[:6], peers, strict=True):
        ours = found.value[:, MEASURES.index(measure)][:, *pairs].T
        np.testing.assert_allclose(ours, peer.get_data(), atol=5e-6, err_msg=measure)


@pytest.mark.real
def test_a_common_reference_makes_coherence_but_little_imaginary_coherence(epochs):
    found = stage_connectome(epochs, np.ones(epochs.shape[:2], bool), Settings(100.0, 4.0, BANDS))
    pairs = np.triu_indices(6, 1)
    coherence = found.value[:, MEASURES.index("coherence")][:, *pairs]
    imaginary = np.abs(found.value[:, MEASURES.index("imaginary_coherence")][:, *pairs])
    assert coherence.mean() > 0.3  # 48 windows of unrelated noise give 0.13
    assert imaginary.mean() < coherence.mean() / 3
    assert np.isfinite(found.standard_error[..., *pairs]).all()
