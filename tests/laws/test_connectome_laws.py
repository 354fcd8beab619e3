"""What holds for the connectome of any signals."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from braintwin.contracts.connect import MEASURES
from braintwin.signals.connectome import Settings, stage_connectome
from braintwin.signals.jackknife import block_standard_error

SETTINGS = Settings(
    sfreq=50.0, window_s=2.0, bands={"theta": (4.0, 8.0), "sigma": (12.0, 15.0)}, min_epochs=3, blocks=4
)
seeds = st.integers(0, 2**32 - 1)


def recording(seed: int, channels: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    own = rng.standard_normal((9, channels, 500))
    mixed = own + 0.6 * np.roll(own, 3, axis=-1)[:, ::-1] + 0.3 * own.mean(axis=1, keepdims=True)
    return (30 * mixed).astype(np.float32), rng.random((9, channels)) < 0.85


def close(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(one, other, atol=2e-5)


@given(seeds, st.permutations(range(4)))
@settings(max_examples=15)
def test_permuting_channels_permutes_the_connectome(seed, order):
    signals, valid = recording(seed)
    found = stage_connectome(signals, valid, SETTINGS)
    permuted = stage_connectome(signals[:, order], valid[:, order], SETTINGS)
    close(permuted.value, found.value[..., *np.ix_(order, order)])
    close(permuted.standard_error, found.standard_error[..., *np.ix_(order, order)])
    np.testing.assert_array_equal(permuted.n_epochs, found.n_epochs[np.ix_(order, order)])


@given(seeds, st.lists(st.floats(1e-3, 1e3), min_size=4, max_size=4))
@settings(max_examples=15)
def test_gain_changes_nothing(seed, gains):
    signals, valid = recording(seed)
    scaled = (signals * np.array(gains)[:, None]).astype(np.float32)
    close(stage_connectome(scaled, valid, SETTINGS).value, stage_connectome(signals, valid, SETTINGS).value)


@given(seeds)
@settings(max_examples=15)
def test_turning_a_channel_over_turns_only_the_sign_of_imaginary_coherence(seed):
    signals, valid = recording(seed)
    flipped = signals * np.array([-1, 1, 1, 1], dtype=np.float32)[:, None]
    found = stage_connectome(signals, valid, SETTINGS).value.copy()
    signed = found[:, MEASURES.index("imaginary_coherence")]
    signed[:, 0] *= -1
    signed[:, :, 0] *= -1
    close(stage_connectome(flipped, valid, SETTINGS).value, found)


@given(seeds)
@settings(max_examples=15)
def test_reversing_time_turns_only_the_lead(seed):
    signals, valid = recording(seed)
    found = stage_connectome(signals, valid, SETTINGS).value.copy()
    for measure in ("imaginary_coherence", "psi"):
        found[:, MEASURES.index(measure)] *= -1
    close(stage_connectome(signals[..., ::-1], valid, SETTINGS).value, found)


@given(seeds)
@settings(max_examples=15)
def test_measures_keep_their_bounds(seed):
    signals, valid = recording(seed)
    value = stage_connectome(signals, valid, SETTINGS).value
    for measure in MEASURES:
        if measure == "psi":
            continue  # a sum over the band
        low = 0 if measure in ("coherence", "plv", "pli", "wpli", "ciplv") else -1
        inside = value[:, MEASURES.index(measure)]
        assert np.nanmin(inside, initial=0) >= low - 1e-6
        assert np.nanmax(inside, initial=0) <= 1 + 1e-6


@given(seeds, st.integers(3, 30))
@settings(max_examples=30)
def test_jackknife_of_a_mean_is_its_textbook_error(seed, count):
    values = np.random.default_rng(seed).normal(size=count)
    left_out = (values.sum() - values) / (count - 1)
    found = block_standard_error(np.array(values.mean()), left_out, np.ones(count))
    np.testing.assert_allclose(found, values.std(ddof=1) / np.sqrt(count), rtol=1e-9)


@given(seeds)
@settings(max_examples=30)
def test_empty_blocks_do_not_count(seed):
    rng = np.random.default_rng(seed)
    sums, sizes = rng.normal(size=6), rng.integers(1, 5, 6).astype(float)
    whole = sums.sum() / sizes.sum()

    def error(sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        rest = sizes.sum() - sizes
        return block_standard_error(np.array(whole), (sums.sum() - sums) / rest, sizes)

    np.testing.assert_allclose(error(np.append(sums, 0), np.append(sizes, 0)), error(sums, sizes), rtol=1e-12)
    assert np.isnan(block_standard_error(np.array(1.0), np.array([1.0, np.nan]), np.array([0.0, 3.0])))
