"""Simulation-based calibration of the person's posterior (doi:10.48550/arXiv.1804.06788), and one that must fail.

The large run is tests/validate/test_nights_sbc_full.py (`make validate`).
"""

import numpy as np
import pytest

from nights_sbc import calibrate, uniformity

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ranks():
    return calibrate(120, seed=1), calibrate(120, seed=1, narrow=0.4)


def test_ranks_are_uniform(ranks):
    assert uniformity(ranks[0]) > 0.001


def test_a_posterior_that_is_too_sure_fails(ranks):
    assert uniformity(ranks[1]) < 1e-6
    edge = np.mean((ranks[1] < 0.1) | (ranks[1] > 0.9))
    assert edge > 0.3
