"""The multitaper estimates against mne-connectivity, and what the engine does to stay within its budget."""

import numpy as np
import pytest
from mne_connectivity import phase_slope_index, spectral_connectivity_epochs

from braintwin.contracts.connect import MEASURES
from braintwin.signals.connectome import Settings, stage_connectome
from braintwin.signals.coupling import PHASE_MEASURES, band_bins, thinned
from braintwin.signals.pair_tiles import tile_pairs
from braintwin.signals.tapers import hann, multitaper

SFREQ, TIMES, CHANNELS = 100.0, 1000, 6
BANDS = {"delta": (1.0, 4.0), "alpha": (8.0, 12.0), "beta": (15.0, 30.0)}
PAIRS = np.triu_indices(CHANNELS, 1)
EDGES = {"fmin": [low for low, _ in BANDS.values()], "fmax": [high - 1e-6 for _, high in BANDS.values()]}


def settings(**changes) -> Settings:
    given = {"sfreq": SFREQ, "window_s": TIMES / SFREQ, "bands": BANDS, "min_epochs": 5, "method": "multitaper"}
    return Settings(**{**given, **changes})


@pytest.fixture(scope="module")
def night() -> np.ndarray:
    rng = np.random.default_rng(0)
    pink = np.fft.rfft(rng.standard_normal((30, CHANNELS + 1, TIMES)))
    pink[..., 1:] /= np.arange(1, pink.shape[-1]) ** 0.5
    signals = np.fft.irfft(pink, TIMES)
    lagged = np.stack([np.roll(signals[:, -1], 2 * k, axis=-1) for k in range(CHANNELS)], axis=1)
    return (500 * (signals[:, :-1] + 0.7 * lagged)).astype(np.float32)


def of(found, measure: str) -> np.ndarray:
    return found.value[:, MEASURES.index(measure)][:, *PAIRS]


def test_multitaper_measures_equal_mne_connectivity(night):
    found = stage_connectome(night, np.ones(night.shape[:2], bool), settings())
    peers = spectral_connectivity_epochs(
        night.astype(np.float64), method=["coh", "imcoh", "plv", "pli", "wpli", "wpli2_debiased", "ciplv"],
        indices=PAIRS, sfreq=SFREQ, mode="multitaper", faverage=True, verbose="error", **EDGES,
    )  # fmt: skip
    for measure, peer in zip(PHASE_MEASURES[:7], peers, strict=True):
        np.testing.assert_allclose(of(found, measure).T, peer.get_data(), atol=5e-6, err_msg=measure)


@pytest.mark.parametrize(("method", "mode"), [("multitaper", "multitaper"), ("hann", "fourier")])
def test_phase_slope_equals_mne_connectivity(night, method, mode):
    found = stage_connectome(night, np.ones(night.shape[:2], bool), settings(method=method))
    peer = phase_slope_index(
        night.astype(np.float64), indices=PAIRS, sfreq=SFREQ, mode=mode, verbose="error",
        fmin=[low - 1e-6 for low in EDGES["fmin"]], fmax=EDGES["fmax"],  # it leaves the lower edge out
    )  # fmt: skip
    np.testing.assert_allclose(of(found, "psi").T, peer.get_data(), atol=5e-5)  # a sum over up to 150 frequencies


def test_a_bandwidth_of_ones_own_is_mnes(night):
    found = stage_connectome(night, np.ones(night.shape[:2], bool), settings(bandwidth=1.0))
    peer = spectral_connectivity_epochs(
        night.astype(np.float64), method="wpli", indices=PAIRS, sfreq=SFREQ, mode="multitaper", mt_bandwidth=1.0,
        faverage=True, verbose="error", **EDGES,
    )  # fmt: skip
    np.testing.assert_allclose(of(found, "wpli").T, peer.get_data(), atol=5e-6)


def test_linear_measures_alone_are_the_same_by_matrix_products(night):
    valid = np.random.default_rng(1).random(night.shape[:2]) < 0.9
    for method in ("hann", "multitaper"):
        everything = stage_connectome(night, valid, settings(method=method))
        linear = stage_connectome(
            night, valid, settings(method=method, measures=("coherence", "imaginary_coherence", "psi"))
        )
        rows = [MEASURES.index(name) for name in ("coherence", "imaginary_coherence")]
        np.testing.assert_allclose(linear.value[:, :2], everything.value[:, rows], atol=2e-6)


def test_threads_blocks_and_dask_change_no_bit_of_the_estimate(night):
    import dask.array as da

    valid = np.random.default_rng(2).random(night.shape[:2]) < 0.9
    runs = [stage_connectome(night, valid, settings(threads=threads)) for threads in (1, 2, 8)]
    runs.append(stage_connectome(da.from_array(night, chunks=(7, 6, 1000)), valid, settings(threads=2)))
    for other in runs[1:]:
        for name in ("value", "standard_error", "reliability"):
            assert getattr(other, name).tobytes() == getattr(runs[0], name).tobytes()


def test_a_small_budget_only_makes_more_tiles(night):
    valid = np.ones(night.shape[:2], bool)
    whole = stage_connectome(night, valid, settings())
    small = settings(memory_mib=1)
    tiles = tile_pairs(CHANNELS, night.shape, small)
    assert len(tiles) > 1
    assert sorted((int(i), int(j)) for t in tiles for i, j in zip(t.first, t.second, strict=True)) == sorted(
        zip(*(index.tolist() for index in PAIRS), strict=True)
    )
    np.testing.assert_allclose(stage_connectome(night, valid, small).value, whole.value, atol=5e-6)


def test_errors_from_every_few_frequencies_are_those_from_all(night):
    valid = np.ones(night.shape[:2], bool)
    thin, full = settings(blocks=10), settings(blocks=10)
    assert thin.tapers.correlated_bins == 4
    object.__setattr__(full, "tapers", type(full.tapers)(full.tapers.weights, full.tapers.hop))
    one, all_of_them = stage_connectome(night, valid, thin), stage_connectome(night, valid, full)
    rows = [MEASURES.index(name) for name in PHASE_MEASURES if name != "psi"]
    ratio = one.standard_error[:, rows][..., *PAIRS] / all_of_them.standard_error[:, rows][..., *PAIRS]
    assert 0.95 < np.median(ratio) < 1.1
    np.testing.assert_array_equal(one.value, all_of_them.value)


def test_thinning_keeps_narrow_bands_whole():
    member = np.zeros((2, 40), dtype=bool)
    member[0, :32], member[1, 32:] = True, True
    assert thinned(member, 4).tolist() == [*range(0, 32, 4), *range(32, 40)]


def test_without_blocks_there_are_no_errors(night):
    found = stage_connectome(night, np.ones(night.shape[:2], bool), settings(blocks=0))
    assert np.isfinite(found.value).all()
    assert np.isnan(found.standard_error[..., *PAIRS]).all()


def test_tapers_have_unit_energy_and_are_orthogonal():
    tapers = multitaper(1000, 100.0).weights.astype(np.float64)
    gram = tapers @ tapers.T
    assert len(tapers) == 7
    np.testing.assert_allclose(gram - np.diag(np.diag(gram)), 0, atol=1e-3)
    assert (np.diag(gram) > 0.9).all()
    np.testing.assert_allclose(np.sum(hann(400).weights ** 2), 1, rtol=1e-6)
    with pytest.raises(ValueError, match="widen it"):
        multitaper(1000, 100.0, bandwidth=0.1)


def test_bins_of_the_bands_are_those_of_the_edges():
    bins, member = band_bins({"a": (1, 2)}, 100, 1000)
    assert (bins[0], bins[-1]) == (10, 19)
    assert member.all()
