"""Coupling that was planted in the forward model is found, and mixing at lag zero is not taken for it.

Sixty-eight regions send white noise to 64 electrodes; the twelve regions of six planted pairs are 6 dB above the
others and follow each other by 30 ms (correlation 0.9); the electrodes add noise 10 dB below. Measured over six
seeds: area under the ROC curve over the 2278 pairs of regions 0.94 for imaginary coherence and for wPLI, 0.79 for
coherence.
"""

import numpy as np
import pytest
from mne.channels import make_standard_montage

from braintwin.io.channels import electrodes, positions
from braintwin.io.connectomes import centroids
from braintwin.signals.connectome import Settings, StageConnectome, stage_connectome
from braintwin.signals.reliability import InstantMixing, correlation_root, null_band, share_above
from braintwin.signals.sources import ToRegions, eloreta_kernel, lead_field, principal_weights

MEASURES = ("coherence", "imaginary_coherence", "plv", "wpli")
SETTINGS = Settings(sfreq=100.0, window_s=4.0, bands={"alpha": (8.0, 12.0)}, min_epochs=5, blocks=0, measures=MEASURES)
REGIONS, PLANTED, EPOCHS, TIMES, LAG = 68, 6, 40, 1000, 3
EVERYWHERE = np.triu_indices(REGIONS, 1)


@pytest.fixture(scope="module")
def head():
    """Return the forward matrix (electrode, region) and the inverse kernel."""
    _, places = centroids()
    cap = positions(make_standard_montage("biosemi64").ch_names)
    everything = np.array([place for _, place in electrodes().values()])
    outward = places / np.linalg.norm(places, axis=1, keepdims=True)
    forward = np.einsum("cra,ra->cr", lead_field(cap, places, everything), outward)
    return forward / np.sqrt(np.mean(forward**2, axis=0)), eloreta_kernel(cap, places, everything)


def recording(forward: np.ndarray, seed: int, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """Return signals (epoch, electrode, time) and which pairs of regions were coupled."""
    rng = np.random.default_rng(seed)
    sources = rng.standard_normal((EPOCHS, REGIONS, TIMES + 20))
    pairs = rng.permutation(REGIONS)[: 2 * PLANTED].reshape(-1, 2)
    for one, other in pairs:
        sources[:, other, 20:] = (
            0.9 * sources[:, one, 20 - lag : TIMES + 20 - lag] + np.sqrt(1 - 0.81) * sources[:, other, 20:]
        )
    sources[:, pairs.ravel()] *= 2
    signals = np.einsum("cr,ert->ect", forward, sources[..., 20:])
    signals += rng.standard_normal(signals.shape) * np.sqrt(signals.var() / 10)
    coupled = np.zeros((REGIONS, REGIONS), dtype=bool)
    coupled[pairs[:, 0], pairs[:, 1]] = coupled[pairs[:, 1], pairs[:, 0]] = True
    return (20 * (signals - signals.mean(axis=1, keepdims=True))).astype(np.float32), coupled


def of_regions(signals: np.ndarray, kernel: np.ndarray) -> StageConnectome:
    covariance = np.einsum("ect,edt->cd", signals[:5], signals[:5])
    change = ToRegions(principal_weights(kernel, covariance), list(range(signals.shape[1])))
    return stage_connectome(signals, np.ones(signals.shape[:2], bool), SETTINGS, change=change)


def area_under_curve(size: np.ndarray, truth: np.ndarray) -> float:
    ranks = np.argsort(np.argsort(size)) + 1.0
    positive = truth.sum()
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * (~truth).sum()))


def test_planted_lagged_coupling_is_found(head):
    areas = []
    for seed in range(4):
        signals, coupled = recording(head[0], seed, LAG)
        sizes = np.abs(of_regions(signals, head[1]).value[0][:, *EVERYWHERE])
        areas.append([area_under_curve(size, coupled[EVERYWHERE]) for size in sizes])
    mean = dict(zip(MEASURES, np.mean(areas, axis=0), strict=True))
    assert mean["imaginary_coherence"] >= 0.9
    assert mean["wpli"] >= 0.9
    assert mean["coherence"] < mean["wpli"] - 0.05  # leakage drowns it


def test_coupling_at_lag_zero_stays_within_the_null_band(head):
    signals, _ = recording(head[0], 0, 0)
    valid = np.ones(signals.shape[:2], bool)
    found = stage_connectome(signals, valid, SETTINGS)
    mixing = InstantMixing(correlation_root(signals[:10], valid[:10]), np.arange(EPOCHS))
    bound = null_band(stage_connectome(signals, valid, SETTINGS, change=mixing).value)
    above = dict(zip(MEASURES, share_above(found.value, bound)[0], strict=True))
    assert above["wpli"] < 0.08  # 2016 pairs of electrodes, of which 5 % lie above by definition
    assert above["imaginary_coherence"] < 0.08
    lagged, _ = recording(head[0], 0, LAG)
    shifted = dict(zip(MEASURES, share_above(stage_connectome(lagged, valid, SETTINGS).value, bound)[0], strict=True))
    assert shifted["wpli"] > 3 * above["wpli"]


def test_permuted_epochs_are_flat(head):
    signals, _ = recording(head[0], 1, LAG)
    rng = np.random.default_rng(2)
    shuffled = np.stack([one[rng.permutation(EPOCHS)] for one in signals.transpose(1, 0, 2)], axis=1)
    found = stage_connectome(shuffled, np.ones(shuffled.shape[:2], bool), SETTINGS)
    pairs = np.triu_indices(64, 1)
    coherence, imaginary, plv, wpli = found.value[0][:, *pairs]
    windows = EPOCHS * (TIMES // 200 - 1)
    # Unrelated noise: the mean coherence of n windows is sqrt(pi / 4n), the half overlap costs about a tenth of n.
    expected = np.sqrt(np.pi / (4 * windows / 1.06))
    assert coherence.mean() == pytest.approx(expected, rel=0.1)
    assert plv.mean() == pytest.approx(expected, rel=0.1)
    assert abs(imaginary.mean()) < 0.005
    assert coherence.std() < 0.25 * expected  # 16 frequencies, half of them independent
    assert wpli.max() < 0.35
