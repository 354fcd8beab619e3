"""The predictive check of how nights go on the pages of a person and of a cohort."""

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.check import PersonCheck, TwinCheck
from braintwin.contracts.stages import STAGES
from braintwin.contracts.tables import PersonRow
from braintwin.inference.night_checks import COUNTS
from braintwin.inference.night_scores import replicate
from braintwin.io.population import packaged_population, read_population
from braintwin.models.hypnogram import TRANSITION_NAMES
from braintwin.models.population import Who
from braintwin.report import course
from braintwin.report.member import Member

TWIN = TwinCheck(verdict="pass", reasons=[], gates={})


def member(name, seed, replicates=60, verdict="pass"):
    """Return somebody whose night the packaged population replicates."""
    rng, population = np.random.default_rng(seed), read_population(packaged_population())
    night = rng.choice([0, 1, 2, 2, 3, 4], 120).repeat(6)[None].astype(np.int8)
    no = np.zeros(1, dtype=bool)
    found = replicate(population, population.draw(rng, replicates, Who()), night, no, no, rng=rng)
    counts = {n: (("replicate", *d), p) for (n, d), p in zip(COUNTS.items(), found.parts, strict=True)}
    check = PersonCheck(
        person=name, verdict=verdict, reasons=[], spectral=TWIN, night=TWIN.model_copy(update={"verdict": verdict}),
        parameters=[], predictive={}, stamp={},
    )  # fmt: skip
    return Member(
        person=PersonRow(person=name, batch="b", dataset="d"), nights=(1, 1, 0), check=check, ranking=None,
        observed=xr.Dataset({"stage": (("night", "epoch"), night), "lights_off_known": (("night",), no)}),
        predicted=xr.Dataset(counts, {"state": list(STAGES), "transition": list(TRANSITION_NAMES)}),
    )  # fmt: skip


@pytest.fixture(scope="module")
def members():
    return [member("d-1", 1), member("d-2", 2, replicates=40), member("d-3", 3, verdict="fail")]


def test_a_cohort_is_the_sum_of_its_people_without_failed_fits(members):
    found = course.of_cohort(members)
    assert (found["people"], found["replicates"]) == (2, 40)
    assert [line["words"][:5] for line in found["lines"]] == ["stage", "trans", "survi"]
    shares = [float(line["inside"].removesuffix(" %")) for line in found["lines"]]
    assert shares[2] < 85  # of 95 expected: every bout of these nights lasts a multiple of three minutes
    for name, places in (("image", 10), ("changes", 20)):
        assert str(found[name]).count("<svg") == 1
        assert str(found[name]).count("fill-opacity:0.3") >= places - 2
        assert "outside" in str(found[name])
    assert "N2 → W" in str(found["changes"])


def test_nobody_to_check():
    assert course.of_cohort([]) is None
    bare = Member(
        person=PersonRow(person="d-9", batch="b", dataset="d"), nights=(1, 1, 0), check=None, ranking=None,
        observed=xr.Dataset(),
    )  # fmt: skip
    assert course.of_cohort([bare]) is None
