"""What the connectomes of a cohort share, and whether they are a person's own."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.cohort import COHORT_CONNECTOME
from braintwin.contracts.connect import CONNECTOME
from braintwin.contracts.stages import STAGES
from braintwin.contracts.tables import NightRow, Status
from braintwin.io.arrays import write_dataset
from braintwin.options.pages import PagesOptions
from braintwin.paths import StudyPaths
from braintwin.report.group_connectome import group_connectome
from braintwin.review.freeze import _copied
from braintwin.signals.consensus import individuality
from braintwin.signals.group_layer import group_graphs
from braintwin.steps.cohort_connectome import cohort_connectome

NODES = ["F3", "F4", "C3", "C4", "O1", "O2"]
OFF = ~np.eye(6, dtype=bool)


def symmetric(rng, spread=1.0):
    half = np.triu(spread * rng.standard_normal((6, 6)), 1)
    return half + half.T


def nights_of(people, own, noise, seed=0, missing=()):
    """Return weights of two nights a person (night, band, node, node): a shared graph, an own part, noise."""
    rng = np.random.default_rng(seed)
    shared = 0.3 + 0.1 * symmetric(rng)
    value, person = [], []
    for number in range(people):
        mine = shared + own * symmetric(rng)
        for _ in range(2):
            value.append(np.stack([np.where(OFF, mine + noise * symmetric(rng), 0.0) for _ in range(2)]))
            person.append(f"p{number:02d}")
    found = np.array(value)
    for place in missing:
        found[place] = np.nan
    return found, np.full_like(found, noise), person


def test_own_graphs_are_told_from_graphs_that_all_share():
    alike, apart = (group_graphs(*nights_of(12, own, 0.03)) for own in (0.0, 0.1))
    assert np.nanmean(alike.own_nights) == pytest.approx(np.nanmean(alike.others_nights), abs=0.05)
    assert (apart.own_nights > apart.others_nights + 0.15).mean() > 0.8
    assert np.nanmean(alike.likeness) > 0.9 > np.nanmean(apart.likeness)
    assert alike.n_people.tolist() == [12, 12]
    assert alike.n_nights.tolist() == [2] * 12


def test_likeness_of_nights_is_the_mean_of_their_correlations():
    rng = np.random.default_rng(1)
    nights = rng.standard_normal((5, 9))
    own, others = individuality(nights, ["b", "a", "b", "a", "c"])
    r = np.corrcoef(nights)
    np.testing.assert_allclose(own, [r[1, 3], r[0, 2], np.nan])
    np.testing.assert_allclose(others[0], r[[1, 3]][:, [0, 2, 4]].mean())
    nights[1] = 0.5  # an empty graph is like none
    np.testing.assert_allclose(individuality(nights, ["b", "a", "b", "a", "c"])[0], [np.nan, r[0, 2], np.nan])


def test_an_edge_needs_half_of_the_people_beyond_its_errors():
    value = np.zeros((4, 1, 3, 3))
    value[:, 0, 0, 1] = value[:, 0, 1, 0] = 0.4
    value[:2, 0, 0, 2] = value[:2, 0, 2, 0] = 0.4
    value[:1, 0, 1, 2] = value[:1, 0, 2, 1] = 0.4
    value[:, 0, 1, 2] += 0.01  # small against its error of 0.1
    value[:, 0, 2, 1] += 0.01
    found = group_graphs(value, np.full_like(value, 0.1), ["a", "b", "c", "d"])
    assert (found.consensus[0] > 0).tolist() == [[False, True, True], [True, False, False], [True, False, False]]
    of_all = np.array([0.4 / 2.42, 0.4 / 1.6, 0.5, 0.5])  # both ways of an edge make the sum
    assert found.consensus[0, 0, 1] == pytest.approx(of_all.mean())
    assert np.isnan(found.own_nights).all()


def write_study(tmp_path, value, error, person, nodes=lambda number: NODES):
    study, rows, statuses = StudyPaths(tmp_path / "results" / "lab"), [], {}
    for number, name in enumerate(person):
        night = f"lab-{name}-{number}"
        shape = (len(STAGES), 2, 1, 6, 6)
        dims = ("stage", "band", "measure", "node", "node_to")
        connectivity, errors = np.full(shape, np.nan), np.full(shape, np.nan)
        connectivity[2, :, 0], errors[2, :, 0] = value[number], error[number]
        sizes = {"stage": 5, "band": 2, "measure": 1, "node": 6, "node_to": 6}
        found = CONNECTOME.empty(sizes, {"night": night, "person": f"lab-{name}", "graph_measure": "aec_orth"})
        found = found.assign(connectivity=(dims, connectivity), standard_error=(dims, errors)).assign_coords(
            stage=list(STAGES), band=["delta", "sigma"], measure=["aec_orth"], node=nodes(number), node_to=nodes(number)
        )
        write_dataset(study.night(night, "connect"), found, CONNECTOME)
        statuses[night] = {"connect": Status(step="connect", owner=night, state="ok", reason="")}
        rows.append(
            NightRow(
                night=night,
                person=f"lab-{name}",
                dataset="lab",
                bids_path="",
                signal="x",
                stages="x",
                has_eeg=True,
                has_stages=True,
            )
        )
    return study, rows, statuses


def test_the_cohort_compares_those_with_the_same_channels(tmp_path):
    value, error, person = nights_of(6, 0.1, 0.03)
    other = ["Fz", "F4", "C3", "C4", "O1", "O2"]
    study, rows, statuses = write_study(tmp_path, value, error, person, lambda n: other if n >= 10 else NODES)
    target = study.root / "cohort" / "connectome.nc"
    found = cohort_connectome(study, rows, statuses, target, PagesOptions())
    COHORT_CONNECTOME.check(found)
    assert found["node"].values.tolist() == NODES
    assert (found.sizes["person"], found.attrs["other_channels"]) == (5, 1)
    direct = group_graphs(value[:10].astype(np.float32), error[:10].astype(np.float32), person[:10])
    np.testing.assert_allclose(found["likeness"].sel(stage="N2"), direct.likeness)
    assert np.isnan(found["likeness"].sel(stage="W")).all()
    shuffled = cohort_connectome(study, rows[::-1], statuses, target, PagesOptions())
    xr.testing.assert_identical(shuffled, found)


def test_an_archive_without_nights_keeps_what_the_cohort_had(tmp_path):
    study, rows, statuses = write_study(tmp_path, *nights_of(3, 0.1, 0.03))
    target = study.root / "cohort" / "connectome.nc"
    found = cohort_connectome(study, rows, statuses, target, PagesOptions())
    for row in rows:
        study.night(row.night, "connect").unlink()
    xr.testing.assert_equal(cohort_connectome(study, rows, statuses, target, PagesOptions()), found)
    target.unlink()
    assert cohort_connectome(study, rows, statuses, target, PagesOptions()).sizes["person"] == 0


def test_an_archive_takes_the_cohorts_connectome_and_no_nights():
    assert _copied(Path("cohort/connectome.nc"))
    assert not _copied(Path("nights/lab-01-1/connect.nc"))


def test_the_page_says_in_how_many_the_own_nights_are_ahead(tmp_path):
    study, rows, statuses = write_study(tmp_path, *nights_of(6, 0.1, 0.03))
    found = cohort_connectome(study, rows, statuses, study.root / "cohort" / "connectome.nc", PagesOptions())
    section = group_connectome(found)
    assert [line["stage"] for line in section["lines"]] == ["N2"]
    ahead = int((found["own_nights"] > found["others_nights"]).sel(stage="N2").sum())
    assert section["lines"][0]["ahead"] == f"{ahead} of 6"
    assert "<svg" in section["image"]
    assert group_connectome(found.isel(person=slice(0, 1))) is None
    assert group_connectome(None) is None
