"""Coupling measures against mne-connectivity on the same windows, and on signals whose coupling is known."""

import numpy as np
import pytest
from mne_connectivity import envelope_correlation, spectral_connectivity_epochs

from braintwin.contracts.connect import MEASURES
from braintwin.signals import envelopes
from braintwin.signals.connectome import Settings, StageConnectome, stage_connectome
from braintwin.signals.coupling import PHASE_MEASURES, usable_bands

SFREQ, WINDOW = 100.0, 400
BANDS = {"delta": (1.0, 4.0), "alpha": (8.0, 12.0), "beta": (15.0, 30.0)}
MNE = ["coh", "imcoh", "plv", "pli", "wpli", "wpli2_debiased", "ciplv"]


def settings(**changes) -> Settings:
    return Settings(**{"sfreq": SFREQ, "window_s": WINDOW / SFREQ, "bands": BANDS, "min_epochs": 5, **changes})


def measured(found: StageConnectome, measure: str, band: str = "alpha") -> np.ndarray:
    return found.value[list(BANDS).index(band), MEASURES.index(measure)]


def sleep_like(rng: np.random.Generator, epochs: int, channels: int, times: int = 1500) -> np.ndarray:
    """Return 1/f signals that share a zero-lag and a lagged source, float32."""
    pink = np.fft.rfft(rng.standard_normal((epochs, channels + 1, times)))
    pink[..., 1:] /= np.arange(1, pink.shape[-1]) ** 0.5
    signals = np.fft.irfft(pink, times)
    own, shared = signals[:, :-1], signals[:, -1:]
    lagged = np.stack([np.roll(shared[:, 0], 2 * k, axis=-1) for k in range(channels)], axis=1)
    return (1000 * (own + 0.7 * shared + 0.7 * lagged)).astype(np.float32)


@pytest.fixture(scope="module")
def night() -> np.ndarray:
    return sleep_like(np.random.default_rng(0), 24, 5)


@pytest.fixture(scope="module")
def found(night) -> StageConnectome:
    return stage_connectome(night, np.ones(night.shape[:2], bool), settings())


def test_phase_measures_equal_mne_connectivity(night, found):
    cut = np.lib.stride_tricks.sliding_window_view(night.astype(np.float64), WINDOW, axis=-1)[:, :, :: WINDOW // 2]
    windows = cut.transpose(0, 2, 1, 3).reshape(-1, night.shape[1], WINDOW)
    pairs = np.triu_indices(night.shape[1], 1)
    peers = spectral_connectivity_epochs(
        windows, method=MNE, indices=pairs, sfreq=SFREQ, mode="fourier", faverage=True, verbose="error",
        fmin=[low for low, _ in BANDS.values()], fmax=[high - 1e-6 for _, high in BANDS.values()],
    )  # fmt: skip
    for measure, peer in zip(PHASE_MEASURES[:7], peers, strict=True):
        ours = found.value[:, MEASURES.index(measure)][:, *pairs].T
        np.testing.assert_allclose(ours, peer.get_data(), atol=5e-6, err_msg=measure)


def test_envelope_correlation_equals_mne_connectivity(night, found):
    gains = envelopes.band_gains(BANDS, SFREQ, night.shape[-1])
    for band, gain in enumerate(gains):
        filtered = np.array([next(envelopes.analytic(epoch, gain[None], SFREQ)) for epoch in night]).astype(
            np.complex128
        )
        peer = envelope_correlation(filtered, orthogonalize="pairwise", absolute=False)
        expected = peer.get_data("dense")[..., 0].mean(axis=0)
        pairs = np.triu_indices(night.shape[1], 1)
        ours = found.value[band, MEASURES.index("aec_orth")]
        np.testing.assert_allclose(ours[pairs], expected.T[pairs], atol=5e-6)


def test_the_analytic_filter_is_scipys_hilbert_of_the_filtered_signal():
    from scipy.signal import hilbert

    time = np.arange(3000) / SFREQ
    tones = np.cos(2 * np.pi * 10 * time) + 5 * np.cos(2 * np.pi * 3 * time + 1)
    gains = envelopes.band_gains({"alpha": (8, 12)}, SFREQ, 3000)
    ours = next(envelopes.analytic(tones[None].astype(np.float32), gains, SFREQ))[0]
    np.testing.assert_allclose(ours, hilbert(np.cos(2 * np.pi * 10 * time))[100:-100], atol=1e-4)


def test_a_fast_recording_needs_fewer_samples_of_its_envelopes(monkeypatch):
    rng = np.random.default_rng(9)
    slow = np.fft.irfft(np.fft.rfft(rng.standard_normal((20, 1, 7500))) * (np.arange(3751) < 60), 7500)
    signals = (rng.standard_normal((20, 4, 7500)) * np.exp(4 * slow)).astype(np.float32)
    gains, pairs = envelopes.band_gains(BANDS, 250.0, 7500), np.triu_indices(4, 1)

    def correlations() -> np.ndarray:
        one = [
            envelopes.epoch_correlations(epoch, np.ones(4, bool), *pairs, gains=gains, sfreq=250.0) for epoch in signals
        ]
        return np.mean(one, axis=0)

    assert envelopes.envelope_samples(gains, 7500, 250.0) == 3630  # 121 Hz
    assert envelopes.envelope_samples(gains, 3000, 100.0) == 3000
    few = correlations()
    monkeypatch.setattr(envelopes, "ENVELOPE_SFREQ", 250.0)
    np.testing.assert_allclose(few, correlations(), atol=0.005)
    assert few.mean() > 0.1


def test_matrices_are_symmetric_but_for_the_directed_measures(found):
    for measure in MEASURES:
        sign = -1 if measure in ("imaginary_coherence", "psi") else 1
        matrices = found.value[:, MEASURES.index(measure)]
        np.testing.assert_array_equal(matrices, sign * matrices.transpose(0, 2, 1))
        assert (np.diagonal(matrices, axis1=1, axis2=2) == 0).all()
    np.testing.assert_array_equal(found.standard_error, found.standard_error.transpose(0, 1, 3, 2))
    assert (found.standard_error[..., *np.triu_indices(5, 1)] > 0).all()


def test_a_lag_shows_in_every_phase_measure_and_names_the_leader():
    rng = np.random.default_rng(1)
    source = rng.standard_normal((40, 1, 3002))
    signals = np.concatenate([source[..., 2:], source[..., :-2]], axis=1)  # the second channel is 20 ms late
    signals = (50 * (signals + 0.5 * rng.standard_normal(signals.shape))).astype(np.float32)
    found = stage_connectome(signals, np.ones((40, 2), bool), settings())
    leader = measured(found, "imaginary_coherence")
    assert leader[0, 1] == pytest.approx(0.8 * np.sin(2 * np.pi * 10 * 0.02), abs=0.03)  # coherence 1 / (1 + 0.25)
    assert leader[1, 0] == -leader[0, 1]
    assert measured(found, "coherence")[0, 1] == pytest.approx(0.8, abs=0.02)
    for measure, least in {"wpli": 0.95, "dwpli2": 0.9, "pli": 0.7, "plv": 0.6}.items():
        assert measured(found, measure)[0, 1] > least


def test_volume_conduction_gives_coherence_and_nothing_else():
    rng = np.random.default_rng(2)
    sources = rng.standard_normal((60, 4, 3000))
    mixing = np.eye(4) + 0.5
    signals = (30 * np.einsum("ij,ejt->eit", mixing, sources)).astype(np.float32)
    found = stage_connectome(signals, np.ones((60, 4), bool), settings())
    pairs = np.triu_indices(4, 1)
    assert measured(found, "coherence")[pairs].min() > 0.6
    assert measured(found, "plv")[pairs].min() > 0.4
    for measure in ("imaginary_coherence", "dwpli2"):
        at = MEASURES.index(measure)
        z = found.value[:, at][:, *pairs] / found.standard_error[:, at][:, *pairs]
        assert np.abs(z).max() < 4
        assert np.abs(z.mean()) < 1
    assert np.abs(measured(found, "aec_orth")[pairs]).max() < 0.1


def test_coupled_envelopes_are_found_by_the_envelope_correlation_alone():
    rng = np.random.default_rng(3)
    time = np.arange(3000) / SFREQ
    slow = 1 + 0.9 * np.cos(2 * np.pi * 0.2 * time + rng.uniform(0, 6, (30, 1, 1)))
    carriers = np.cumsum(rng.standard_normal((30, 2, 3000)), axis=-1) * 0.05
    signals = 40 * slow * np.cos(2 * np.pi * 10 * time + carriers) + rng.standard_normal((30, 2, 3000))
    found = stage_connectome(signals.astype(np.float32), np.ones((30, 2), bool), settings())
    assert measured(found, "aec_orth")[0, 1] > 0.4
    assert abs(measured(found, "dwpli2")[0, 1]) < 0.1


def test_independent_noise_is_within_its_standard_error():
    rng = np.random.default_rng(4)
    signals = (30 * rng.standard_normal((60, 6, 3000))).astype(np.float32)
    found = stage_connectome(signals, np.ones((60, 6), bool), settings())
    pairs = np.triu_indices(6, 1)
    for measure in ("dwpli2", "imaginary_coherence", "aec_orth"):
        at = MEASURES.index(measure)
        z = (found.value[:, at] / np.where(found.standard_error[:, at] > 0, found.standard_error[:, at], 1))[:, *pairs]
        assert np.abs(z.mean()) < 0.6, measure  # 45 nearly independent values: sd of their mean is about 0.15
        assert 0.6 < z.std() < 1.7, measure


def test_jackknife_error_is_the_spread_over_replicates():
    rng = np.random.default_rng(5)
    values, errors = [], []
    for _ in range(60):
        shared = rng.standard_normal((40, 1, 801))
        signals = np.concatenate([shared[..., 1:], shared[..., :-1]], axis=1) + rng.standard_normal((40, 2, 800))
        found = stage_connectome((30 * signals).astype(np.float32), np.ones((40, 2), bool), settings(blocks=10))
        values.append(found.value[..., 0, 1])
        errors.append(found.standard_error[..., 0, 1])
    ratio = np.mean(errors, axis=0) / np.std(values, axis=0, ddof=1)
    # The spread of 60 replicates is itself known to 9 %; PLI of few bins is the noisiest.
    assert (ratio > 0.65).all(), ratio
    assert (ratio < 1.5).all(), ratio
    assert 0.85 < np.median(ratio) < 1.15


def test_a_bad_channel_costs_only_its_own_pairs(night):
    valid = np.ones(night.shape[:2], bool)
    valid[3:, 2] = False
    spoiled = night.copy()
    spoiled[3:, 2] = np.nan
    found = stage_connectome(spoiled, valid, settings())
    others = [0, 1, 3, 4]
    alone = stage_connectome(night[:, others], valid[:, others], settings())
    np.testing.assert_allclose(found.value[..., *np.ix_(others, others)], alone.value, atol=1e-6)
    assert np.isnan(found.value[..., 2, :]).all()
    assert found.n_epochs[2, 0] == 3
    assert found.n_epochs[0, 1] == len(night)


def test_pairwise_epochs_are_those_of_the_pair_alone(night):
    valid = np.random.default_rng(6).random(night.shape[:2]) < 0.7
    both = valid[:, 1] & valid[:, 4]
    found = stage_connectome(night, valid, settings())
    alone = stage_connectome(night[both][:, [1, 4]], np.ones((both.sum(), 2), bool), settings())
    np.testing.assert_allclose(found.value[..., 1, 4], alone.value[..., 0, 1], atol=2e-6)


def test_samples_that_are_not_finite_are_not_clean(night):
    spoiled, valid = night.copy(), np.ones(night.shape[:2], bool)
    spoiled[4, 0, 17] = np.inf
    marked = valid.copy()
    marked[4, 0] = False
    np.testing.assert_array_equal(
        stage_connectome(spoiled, valid, settings()).value, stage_connectome(night, marked, settings()).value
    )


def test_a_silent_channel_has_no_coupling(night):
    silent = night.copy()
    silent[:, 1] = 0
    found = stage_connectome(silent, np.ones(night.shape[:2], bool), settings())
    assert np.isnan(measured(found, "coherence")[1, 0])
    assert np.isnan(measured(found, "wpli")[1, 0])
    assert np.isfinite(measured(found, "wpli")[0, 2])


def test_threads_and_dask_change_no_bit(night):
    import dask.array as da

    valid = np.random.default_rng(7).random(night.shape[:2]) < 0.9
    runs = [stage_connectome(night, valid, settings(threads=threads)) for threads in (1, 2, 4)]
    runs.append(stage_connectome(da.from_array(night, chunks=(7, 5, 1500)), valid, settings(threads=2)))
    for other in runs[1:]:
        assert other.value.tobytes() == runs[0].value.tobytes()
        assert other.standard_error.tobytes() == runs[0].standard_error.tobytes()


def test_small_portions_and_groups_of_pairs_change_nothing_beyond_rounding(night, found, monkeypatch):
    from braintwin.signals import pair_tiles

    monkeypatch.setattr(pair_tiles, "LARGEST_TILE", 3)
    small = stage_connectome(night, np.ones(night.shape[:2], bool), settings(chunk_epochs=1, blocks=4))
    np.testing.assert_allclose(small.value, found.value, atol=1e-6)


def test_a_masked_line_does_not_couple():
    rng = np.random.default_rng(8)
    signals = 20 * rng.standard_normal((30, 2, 3000))
    signals += 100 * np.cos(2 * np.pi * 10 * np.arange(3000) / SFREQ)
    signals = signals.astype(np.float32)
    valid = np.ones((30, 2), bool)
    assert measured(stage_connectome(signals, valid, settings()), "coherence")[0, 1] > 0.2
    masked = measured(stage_connectome(signals, valid, settings(lines=[(9.4, 10.6)])), "coherence")[0, 1]
    assert masked < 0.12


def test_bands_that_the_recording_cannot_give_are_named():
    bands = {"slow": (0.1, 0.9), "alpha": (8, 12), "gamma": (30, 48), "hum": (16, 17)}
    usable, refused = usable_bands(bands, 100, 4, (0.3, 45), [(15.5, 17.5)])
    assert list(usable) == ["alpha"]
    assert [text.split()[0] for text in refused] == ["slow", "gamma", "hum"]
