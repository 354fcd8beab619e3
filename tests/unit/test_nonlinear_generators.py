"""Generators that the spectral twin does not contain: their steady states and rhythms against what was published."""

import numpy as np
import pytest
from scipy.signal import welch

from braintwin.synthetic import neural_field, thalamocortex
from braintwin.synthetic.sampling import sampled


@pytest.mark.parametrize(
    ("field", "rates", "reduced"),
    [
        (neural_field.WAKE, (5.25, 15.40, 8.79), (0.406, 0.513, 0.057)),
        (neural_field.N2, (8.46, 27.84, 0.535), (0.827, 0.007, 0.834)),
    ],
)
def test_steady_state_and_gains_are_those_that_were_published(field, rates, reduced):
    found = neural_field.steady_rates(field)
    assert [found[name] for name in "ers"] == pytest.approx(rates, rel=0.01)
    assert neural_field.gains(field).reduced(field.alpha, field.beta) == pytest.approx(reduced, abs=0.002)


def spectrum(trace):
    freq, power = welch(trace, 100.0, nperseg=400)
    return freq, np.log(power)


def test_the_field_has_the_rhythm_of_its_state_and_bends_with_noise():
    weights = np.ones((2, 2)) - np.eye(2)
    rng = np.random.default_rng(1)
    wake = neural_field.activity(neural_field.WAKE, weights, 0.0, 0.05, 60.0, 100.0, rng)
    freq, log = spectrum(wake.mean(axis=1))
    band = (freq >= 6) & (freq <= 13)
    assert 7 <= freq[band][np.argmax(log[band])] <= 10.5
    spindles = neural_field.activity(neural_field.N2, weights, 0.0, 0.05, 60.0, 100.0, rng)
    freq, log = spectrum(spindles.mean(axis=1))
    band = (freq >= 10) & (freq <= 17)
    assert 11 <= freq[band][np.argmax(log[band])] <= 16
    # a linear field would not move its mean with the noise
    rest = neural_field.steady_rates(neural_field.WAKE)["e"]
    louder = neural_field.activity(neural_field.WAKE, weights, 0.0, 0.12, 60.0, 100.0, rng)
    assert louder.mean() - rest > 3 * abs(wake.mean() - rest)


def test_the_column_has_slow_waves_with_silent_states_and_a_drug_changes_it():
    rng = np.random.default_rng(2)
    trace = thalamocortex.potential(thalamocortex.N3, 60.0, 100.0, rng)
    freq, log = spectrum(trace)
    assert 0.5 <= freq[np.argmax(log)] <= 1.5
    assert trace.min() < -75 < trace.mean() < trace.max() < -35
    # not Gaussian: excursions go down
    z = (trace - trace.mean()) / trace.std()
    assert np.mean(z**3) < -0.5


def test_sampling_keeps_what_lies_below_half_of_the_rate_and_nothing_above():
    time = np.arange(20_000) / 1000
    for hz, kept in ((3.0, 1.0), (38.0, 1.0), (65.0, 0.0)):
        slow = sampled(5 + np.sin(2 * np.pi * hz * time)[:, None], 1000.0, 100.0)
        assert slow.shape == (2000, 1)
        assert slow[100:-100].mean() == pytest.approx(5, abs=0.01)
        assert slow[100:-100].std() == pytest.approx(kept * np.sqrt(0.5), abs=0.01)


def test_the_same_seed_gives_the_same_eeg():
    first, second = (thalamocortex.potential(thalamocortex.N2, 3.0, 100.0, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, second)
