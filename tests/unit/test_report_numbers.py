"""Numbers in print."""

import math
from itertools import pairwise

import numpy as np
import pytest

from braintwin.report.figures_cohort import swarm
from braintwin.report.figures_night import runs
from braintwin.report.numbers import by_size, digits_for, fixed, interval, listing, probability


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(1.26, 1, "+1.3"), (-0.04, 1, "0.0"), (-2.0, 0, "−2"), (math.nan, 1, "–"), (None, 1, "–")],
)
def test_fixed(value: float | None, digits: int, text: str) -> None:
    assert fixed(value, digits, sign=True) == text


@pytest.mark.parametrize(("error", "digits"), [(0.3, 1), (0.08, 2), (0.004, 2), (3.0, 0), (0.0, 2), (math.nan, 2)])
def test_digits_stop_at_the_place_of_the_error(error: float, digits: int) -> None:
    assert digits_for(error) == digits


def test_a_probability_from_draws_is_never_nought_or_one() -> None:
    assert [probability(p) for p in (0.0, 0.004, 0.5, 0.999, math.nan)] == ["< 1 %", "< 1 %", "50 %", "> 99 %", "–"]


def test_words() -> None:
    assert listing(["a", "b", "c"]) == "a, b and c"
    assert listing([]) == ""
    assert interval(-1.0, 2.0) == "−1.0 to 2.0"
    assert interval(-1.0, math.inf) == "–"
    assert by_size(0.01234) == "0.0123"
    assert by_size(1234.5) == "1234"


def test_runs_rebuild_the_hypnogram() -> None:
    stage = np.random.default_rng(1).integers(-1, 5, 300)
    found = runs(stage)
    assert np.array_equal(np.concatenate([np.full(b - a, code) for a, b, code in found]), stage)
    assert all(left[2] != right[2] for left, right in pairwise(found))
    assert runs(np.empty(0, int)) == []


def test_points_of_one_value_do_not_hide_each_other() -> None:
    offsets = swarm(np.array([1.0, 1.0, 1.0, 9.0]))
    assert len(set(offsets[:3].round(6))) == 3
    assert np.abs(swarm(np.full(200, 2.0))).max() <= 0.5
