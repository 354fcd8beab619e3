"""The hypnogram twin on a few Sleep-EDF nights."""

import tarfile

import numpy as np
import pytest

from braintwin.inference.diagnose import rhat
from braintwin.inference.nights import DIMS, compile_nights, fit_person, window
from braintwin.io.hypnogram import read_hypnogram
from braintwin.models.population import first_population
from braintwin.options.dataset import StageOptions
from braintwin.steps.fit_nights import observed, predictive

PEOPLE = ("cassette00", "cassette03", "cassette07", "cassette28")

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def fits(real_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    population = first_population()
    compiled = compile_nights(population, 2)
    found = {}
    with tarfile.open(real_data / "bids" / "nm000185.tar.gz") as archive:
        names = [m for m in archive.getnames() if m.endswith("_events.tsv")]
        for person in PEOPLE:
            mine = sorted(name for name in names if f"sub-{person}_" in name)[:2]
            nights = []
            for name in mine:
                stream = archive.extractfile(name)
                assert stream is not None
                path = folder / name.rsplit("/", 1)[-1]
                path.write_bytes(stream.read())
                nights.append(window(path.stem, read_hypnogram(path, StageOptions()).stages, None))
            if len(nights) == 2:
                posterior, stats = fit_person(compiled, population, nights, seed=7, draws=1000, cores=2)
                found[person] = (nights, posterior, stats, predictive(posterior, population, nights, 0.0, 600, 8))
    assert len(found) >= 3
    return found


def test_chains_agree_on_real_nights(fits):
    for _, posterior, stats, _ in fits.values():
        worst = 0.0
        for name in DIMS:
            values = posterior[name].values
            for column in values.reshape(*values.shape[:2], -1).transpose(2, 0, 1):
                if np.ptp(column) > 0:
                    worst = max(worst, rhat(column))
        assert worst <= 1.02
        assert float(stats["diverging"].mean()) == 0


def test_fitted_nights_are_among_the_predicted(fits):
    inside = []
    for nights, _, _, further in fits.values():
        have = ["TST", "WASO", "N1", "N2", "N3"]
        seen = observed(nights)["outcome_value"].sel(outcome=have)
        low, high = (further["outcome_value"].sel(outcome=have).quantile(q, "sample") for q in (0.05, 0.95))
        held = (seen >= low) & (seen <= high)
        inside.append(held.values)
    shares = np.concatenate(inside)
    assert shares[:, :2].mean() >= 0.75
    assert shares.mean() >= 0.7


def test_the_latency_is_not_made_up(fits):
    for nights, _, _, further in fits.values():
        for dataset in (observed(nights), further):
            assert dataset["outcome_value"].sel(outcome=["SOL", "LPS", "SE"]).isnull().all()
            assert dataset["outcome_value"].sel(outcome="TST").notnull().all()
