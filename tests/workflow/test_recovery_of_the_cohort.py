"""Known truth in, covered truth out, through the whole pipeline on the synthetic cohort."""

import json
from pathlib import Path

import pytest
import xarray as xr

from coverage_of_truth import compatible_with_90_percent, hazard_groups, loop_gains, spread_of_errors

pytestmark = [pytest.mark.slow]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dataset(tiny):
    return next(p for p in (tiny.study / "resources").iterdir() if p.is_dir())


def missed(intervals):
    return [
        f"{i.person} {i.name}: {i.truth:.3f} not in {i.low:.3f} to {i.high:.3f}" for i in intervals if not i.covered
    ]


@pytest.mark.demo
def test_loop_gains_of_the_demo_cohort_are_covered():
    """Eight people, whole nights. Intervals of one person share a graph: three people's would not be independent.

    These people come from the published priors, which are narrower than those of the fit, and a composite likelihood
    errs on the wide side: more than 90 % may be covered, never fewer (decision 032).
    """
    results = ROOT / "results" / "demo"
    if not (results / "manifest.json").is_file():
        pytest.skip("demo absent: run `make demo` first")
    root = json.loads((results / "datasets" / "synthetic.json").read_text())["root"]
    intervals = loop_gains(results, ROOT / root)
    assert len(intervals) >= 100
    assert compatible_with_90_percent(intervals, alternative="less"), missed(intervals)
    assert 0.6 < spread_of_errors(intervals) < 1.2


def test_loop_gains_of_short_nights_are_near_the_truth(tiny, dataset):
    """Graphs from 1.5 h of N2 and N3 are poor: intervals are too narrow there (decision 006), yet no mode is wrong."""
    found = loop_gains(tiny.results, dataset)
    assert len(found) >= 20
    for person in {interval.person for interval in found}:
        assert spread_of_errors([i for i in found if i.person == person]) < 2.5, missed(found)


def test_hazard_groups_are_covered(tiny, dataset):
    intervals = hazard_groups(tiny.results, dataset)
    assert len(intervals) == 36
    assert compatible_with_90_percent(intervals), missed(intervals)


def test_intervals_of_the_loop_gains_say_something(tiny, dataset):
    """Coverage alone is cheap: the prior covers too. The data must have narrowed X to a fraction of its range."""
    widths = [i.high - i.low for i in loop_gains(tiny.results, dataset) if i.name.startswith("X[N2]")]
    assert max(widths) < 0.3


def test_caffeine_ranks_below_placebo_for_everyone(tiny):
    for path in (tiny.results / "people").glob("*/rank.nc"):
        with xr.open_dataset(path, engine="h5netcdf") as rank:
            utility = rank["expected_utility"]
            assert float(utility.sel(treatment="caffeine")) < float(utility.sel(treatment="placebo"))
