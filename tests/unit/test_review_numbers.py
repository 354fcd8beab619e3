"""The published numbers of the example come out again; one changed digit, however well sealed, does not."""

import json

import numpy as np
import pytest
import xarray as xr

from braintwin.cli.verify import lines
from braintwin.io.records import read_nights, read_people, read_table, write_table
from braintwin.paths import StudyPaths
from braintwin.review import consistency, manifest, recompute
from braintwin.review.compare import compare_pages, compare_tables, compare_tidy, tally
from braintwin.review.groups import Group, small_groups, withhold
from braintwin.review.methods import methods
from braintwin.review.privacy import leaks
from braintwin.review.tables import KEYS
from braintwin.review.tolerance import Tolerances, count_numbers, is_number
from braintwin.review.verify import Request, other_software, verify
from example_study import ARCHIVE, copy_of, naive_forger, other_digit, thorough_forger, unpacked

pytestmark = pytest.mark.xdist_group("example")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return unpacked(tmp_path_factory.mktemp("example") / "archive")


@pytest.fixture(scope="module")
def derived(whole, tmp_path_factory):
    """Return the tables of the example, made again from its own rankings and checks."""
    folder = tmp_path_factory.mktemp("derived")
    recompute.derive(whole, folder, consistency.config_of(whole))
    return folder


@pytest.fixture(scope="module")
def report():
    return verify(ARCHIVE, Request())


@pytest.mark.slow
def test_the_example_is_verified_without_its_data(report, whole):
    assert report.faults == []
    different = [number.plain() for number in report.numbers if number.verdict == "different"]
    assert different == []
    assert report.outcome == "verified"
    assert sum(tally(report.numbers).values()) > 1000
    if not other_software(manifest.read(whole / "manifest.json")):
        assert tally(report.numbers)["within"] == 0, "the same code and libraries give the same digits"


def test_every_number_is_told_with_its_basis(report):
    for number in report.numbers:
        assert number.basis
    text = "\n".join(lines(report, each=True))
    assert "verdict: VERIFIED" in text
    assert text.count("\n") > len(report.numbers)
    plain = json.loads(json.dumps(report.plain()))
    assert plain["verdict"] == "verified"
    assert len(plain["numbers"]) == len(report.numbers)


@pytest.mark.parametrize("table", [*KEYS])
def test_one_digit_of_a_table_that_was_sealed_again_is_different_and_named(whole, derived, tmp_path, table):
    folder = copy_of(whole, tmp_path / "forged")
    rows = read_table(folder / table)
    rng = np.random.default_rng(len(table))
    cells = [
        (i, name) for i, row in enumerate(rows) for name in row if name not in KEYS[table] and is_number(row[name])
    ]
    for place in rng.choice(len(cells), 6, replace=False):
        i, name = cells[place]
        forged = [dict(row) for row in rows]
        forged[i][name] = other_digit(rows[i][name])
        write_table(folder / table, list(rows[0]), forged)
        naive_forger(folder)
        wrong = [n for n in compare_tables(folder, derived, None) if n.verdict == "different"]
        assert [(n.table, n.row, n.quantity) for n in wrong] == [
            (table, " ".join(rows[i][k] for k in KEYS[table]), name)
        ]
    write_table(folder / table, list(rows[0]), rows[1:])
    wrong = [n for n in compare_tables(folder, derived, None) if n.verdict == "different"]
    assert [n.quantity for n in wrong] == ["row"]


def test_one_digit_of_the_page_is_different(whole, derived, tmp_path):
    folder = copy_of(derived, tmp_path / "forged")  # the page as this version words it
    assert [n.verdict for n in compare_pages(folder, derived)] == ["identical"]
    if not any("code of cohort" in text for text in other_software(manifest.read(whole / "manifest.json"))):
        assert [n.verdict for n in compare_pages(whole, derived)] == ["identical"]
    page = folder / "report" / "index.html"
    text = page.read_text(encoding="utf-8")
    best = next(row for row in read_table(whole / "cohort" / "summary.tsv") if row["best_label"])
    place = text.index(best["best_label"])
    page.write_text(text[:place] + "X" + text[place + 1 :], encoding="utf-8")
    (found,) = compare_pages(folder, derived)
    assert found.verdict == "different"
    assert "X" in found.published


def test_one_digit_of_a_tidy_table_is_different(derived, tmp_path):
    folder = copy_of(derived, tmp_path / "forged")
    assert {n.verdict for n in compare_tidy(folder, derived, strict=True)} == {"identical"}
    path = folder / "cohort" / "tables" / "rankings.csv"
    lines = path.read_text().splitlines()
    lines[1] += "1"
    path.write_text("\n".join(lines) + "\n")
    wrong = [n for n in compare_tidy(folder, derived, strict=True) if n.verdict == "different"]
    assert [(n.table, n.row) for n in wrong] == [("cohort/tables/rankings.csv", "line 2")]


@pytest.mark.slow
def test_a_ranking_that_was_forged_with_everything_that_follows_from_it_is_caught_by_making_it_again(whole, tmp_path):
    """Ranking, tables, page, manifest, crate and chain agree with each other; the simulated nights do not."""
    from braintwin.review.archive import pack
    from braintwin.review.freeze import remake_tables

    folder = copy_of(whole, tmp_path / "forged")
    person = next(row["person"] for row in read_table(folder / "cohort" / "summary.tsv") if row["best"])
    path = folder / "people" / person / "rank.nc"
    with xr.open_dataset(path, engine="h5netcdf") as stored:
        ranking = stored.load()
    ranking["expected_utility"][0] += 0.01
    ranking.to_netcdf(path, engine="h5netcdf")
    remake_tables(folder, consistency.config_of(folder))
    thorough_forger(folder)
    pack(folder, tmp_path / "forged.zip")
    report = verify(tmp_path / "forged.zip", Request())
    wrong = {(n.table, n.quantity) for n in report.numbers if n.verdict == "different"}
    if other_software(manifest.read(whole / "manifest.json")):
        assert not report.faults
        pytest.skip("made with other code: a shift below the Monte-Carlo error cannot be told from an honest one")
    assert report.outcome == "different"
    assert ("tables/ranking.tsv", "expected_utility") in wrong
    assert all(person in n.row for n in report.numbers if n.verdict == "different")


def test_a_copied_artefact_that_was_changed_is_named(whole, tmp_path):
    folder = copy_of(whole, tmp_path / "forged")
    path = next(iter(sorted(folder.glob("people/*/check.json"))))
    path.write_text(path.read_text().replace('"rhat": 1', '"rhat": 0', 1))
    naive_forger(folder)
    assert path.relative_to(folder).as_posix() in {fault.path for fault in consistency.disagreements(folder)}


def test_the_tolerance_is_that_of_the_monte_carlo_error(whole, derived):
    """The jackknife's error of a mean of independent draws is sd/√n, as the ranking itself gives it."""
    config = consistency.config_of(whole)
    tolerances = Tolerances(whole, config.rank, config.seed, count_numbers(whole, KEYS))
    rows = [r for r in read_table(whole / "tables" / "ranking.tsv") if r["utility_mcse"] and float(r["utility_mcse"])]
    person = rows[0]["person"]
    ratios = []
    for row in (r for r in rows if r["person"] == person):
        allowed = tolerances.of("tables/ranking.tsv", row, "expected_utility")
        assert "MCSE" in allowed.basis
        ratios.append(allowed.distance / tolerances.factor / float(row["utility_mcse"]))
    assert 0.7 < np.median(ratios) < 1.4
    assert 4 < tolerances.factor < 15


def test_an_honest_other_run_is_within_tolerance_and_a_dishonest_one_is_not(whole, derived, tmp_path):
    config = consistency.config_of(whole)
    tolerances = Tolerances(whole, config.rank, config.seed, count_numbers(whole, KEYS))
    rows = read_table(whole / "tables" / "parameters.tsv")
    i = next(i for i, row in enumerate(rows) if row["mcse"] and float(row["sd"]))
    for shift, verdict in ((2.0, "within"), (100.0, "different")):
        folder = copy_of(derived, tmp_path / verdict)
        moved = [dict(row) for row in rows]
        moved[i]["mean"] = f"{float(rows[i]['mean']) + shift * float(rows[i]['mcse']):.6g}"
        write_table(folder / "tables" / "parameters.tsv", list(rows[0]), moved)
        found = [n for n in compare_tables(whole, folder, tolerances) if n.verdict != "identical"]
        assert [(n.quantity, n.verdict) for n in found] == [("mean", verdict)]
        assert "MCSE" in found[0].basis


def test_the_methods_paragraph_tells_the_run(whole):
    """Its numbers are counted again from the tables and the artefacts, not from the manifest."""
    text = methods(manifest.read(whole / "manifest.json"))
    assert text == (whole / "methods.md").read_text(encoding="utf-8")
    study, config = StudyPaths(whole), consistency.config_of(whole)
    rows = read_nights(study.nights)
    lost = {row["night"] for row in read_table(study.quarantine) if row["night"]}
    used = [row for row in rows if row.night not in lost]
    people = {row.person for row in used}
    assert f"We analysed {len(used)} nights of {len(people)} people" in text
    assert f"Of {len(rows)} nights found, {len(lost)} were excluded" in text
    assert f"EEG was available for {sum(row.has_eeg for row in used)} nights" in text
    for name, number in (("healthy", 1), ("insomnia", 1), ("osa", 1)):
        assert sum(p.covariates["diagnosis"] == name for p in read_people(study.people)) == number
        assert f"{number} {name}" in text
    with xr.open_dataset(next(whole.glob("people/*/simulate.nc")), engine="h5netcdf") as simulated:
        assert f"each of {simulated.sizes['draw']} posterior draws" in text
        assert f"{simulated.attrs['replicates']} nights were simulated" in text
    with xr.open_datatree(next(whole.glob("people/*/night.nc")), engine="h5netcdf") as night:
        chains, draws = night["posterior"].sizes["chain"], night["posterior"].sizes["draw"]
        assert f"the hypnogram twin with {chains} chains of {draws} draws" in text
        stamped = json.loads(night.attrs["environment"])["packages"]
    assert f"NumPy {stamped['numpy']}" in text
    assert f"PyMC {stamped['pymc']}" in text
    summary = read_table(study.summary)
    for verdict in {row["verdict"] for row in summary}:
        assert f"{sum(row['verdict'] == verdict for row in summary)} {verdict}" in text
    assert f"{config.rank.null_permutations} permuted people" in text


def test_small_groups_are_named_and_withheld(whole):
    people = read_people(StudyPaths(whole).people)
    assert small_groups(people, ["synthetic"]) == [], "nobody is behind a synthetic person"
    found = small_groups(people, [], smallest=2)
    assert found == sorted(found, key=str)
    assert all(isinstance(group, Group) and group.people < 2 for group in found)
    assert sum(group.people for group in small_groups(people, [], smallest=99)) == len(people)
    bare = withhold(people)
    assert small_groups(bare, [], smallest=99) == []
    assert {p.age_band for p in bare} == {p.sex for p in bare} == {""}
    assert all("ahi" not in p.covariates and "diagnosis" in p.covariates for p in bare)


def test_a_place_or_a_date_in_a_frozen_study_is_seen(whole, tmp_path):
    assert list(leaks(whole)) == []
    folder = copy_of(whole, tmp_path / "leaky")
    (folder / "index" / "refused.tsv").write_text("night\treason\nx\trecorded 2019-03-07 in /home/jane/data\n")
    found = [fault.what for fault in leaks(folder)]
    assert any("2019-03-07" in text for text in found)
    assert any("/home/jane" in text for text in found)
