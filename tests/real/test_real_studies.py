"""The two example configs on the real data, from `braintwin run` to the report."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import xarray as xr
import yaml

from braintwin.io.records import read_table
from tiny_study import ROOT, braintwin

pytestmark = [pytest.mark.real, pytest.mark.slow]


def run_example(name, data: Path, study: Path, change=None) -> SimpleNamespace:
    """Run an example config in a folder of its own, with its sources where the data are."""
    config = yaml.safe_load((ROOT / "config" / "examples" / f"{name}.yaml").read_text(encoding="utf-8"))
    for dataset in config["datasets"].values():
        dataset["source"] = str(data / Path(dataset["source"]).relative_to("../shared/data"))
    if change:
        change(config)
    (study / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = braintwin(ROOT, study, "run", "--config", "config.yaml", "--cores", "2", timeout=2400)
    assert done.returncode == 0, done.stdout + done.stderr
    results = study / "results" / config["study"]
    nights = read_table(results / "index" / "nights.tsv")
    people = {row["person"] for row in nights}
    checks = {p: json.loads((results / "people" / p / "check.json").read_text()) for p in people}
    return SimpleNamespace(done=done, results=results, nights=nights, people=people, checks=checks)


@pytest.fixture(scope="module")
def ucddb(real_data, tmp_path_factory):
    return run_example("ucddb", real_data, tmp_path_factory.mktemp("ucddb"))


@pytest.mark.xdist_group("ucddb")
class TestWholeNight:
    def test_it_ends_with_the_report(self, ucddb):
        assert ucddb.done.stdout.strip().endswith("report/index.html")
        assert len(list((ucddb.results / "report" / "people").glob("*.html"))) == 1

    def test_the_line_at_22_hz_is_masked(self, ucddb):
        night = ucddb.nights[0]["night"]
        with xr.open_dataset(ucddb.results / "nights" / night / "features.nc", engine="h5netcdf") as features:
            assert features["masked"].sel(freq=22.0).all()
            assert not features["masked"].sel(freq=10.0).any()

    def test_one_channel_leaves_kappa_at_its_prior_and_says_so(self, ucddb):
        (person,) = ucddb.people
        path = ucddb.results / "people" / person / "spectral.nc"
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            assert tree["posterior"].attrs["kappa_source"] == "prior"
        page = next((ucddb.results / "report" / "people").glob("*.html")).read_text(encoding="utf-8")
        assert "prior" in page

    def test_both_twins_pass_or_only_warn(self, ucddb):
        (check,) = ucddb.checks.values()
        assert check["night"]["verdict"] in ("pass", "warn")
        assert check["spectral"]["verdict"] in ("pass", "warn")
        assert check["spectral"]["gates"]["residual_sd"] < 0.3

    def test_stages_are_ordered_as_they_should_be(self, ucddb):
        """Loop gains: the cortex is nearer its instability in deep sleep (science S2.5)."""
        (person,) = ucddb.people
        with xr.open_datatree(ucddb.results / "people" / person / "spectral.nc", engine="h5netcdf") as tree:
            x = tree["posterior"].to_dataset()["X"].mean(("chain", "draw"))
            assert float(x.sel(stage="N3")) > float(x.sel(stage="W"))


def few(config):
    """Take ten people of each tree: CI has no hour to spend; the whole example is for people."""
    for dataset in config["datasets"].values():
        dataset["max_people"] = 10
    if "sleepedf" in config["datasets"]:
        config["datasets"]["sleepedf"]["people"] = [
            *(f"cassette0{i}" for i in range(7)),
            *(f"telemetry{i}" for i in ("01", "05", "07")),
        ]


@pytest.fixture(scope="module")
def hypnograms(real_data, tmp_path_factory):
    return run_example("hypnograms", real_data, tmp_path_factory.mktemp("hypnograms"), few)


@pytest.mark.xdist_group("hypnograms")
class TestHypnogramsOnly:
    def test_it_ends_with_a_page_for_everyone(self, hypnograms):
        pages = {p.stem for p in (hypnograms.results / "report" / "people").glob("*.html")}
        assert pages == hypnograms.people
        assert len(pages) == 20

    def test_no_night_has_eeg_and_nobody_has_a_spectral_twin(self, hypnograms):
        assert {row["has_eeg"] for row in hypnograms.nights} == {"0"}
        assert {c["spectral"]["verdict"] for c in hypnograms.checks.values()} == {"absent"}

    def test_treated_nights_are_not_fitted_as_untreated(self, hypnograms):
        treated = [row for row in hypnograms.nights if row["condition"] == "temazepam"]
        assert len(treated) == 3
        for row in treated:
            with xr.open_datatree(
                hypnograms.results / "people" / row["person"] / "night.nc", engine="h5netcdf"
            ) as tree:
                assert row["night"] not in tree["posterior"]["night"].values.astype(str)
                assert "'temazepam'" in json.loads(tree["posterior"].attrs["left_out"])[row["night"]]
        page = (hypnograms.results / "report" / "index.html").read_text(encoding="utf-8")
        aside = page.partition("<h3>Nights in no hypnogram twin</h3>")[2].partition("</table>")[0]
        assert all(f">{row['night']}<" in aside for row in treated)

    def test_almost_every_hypnogram_twin_converges(self, hypnograms):
        verdicts = [c["night"]["verdict"] for c in hypnograms.checks.values()]
        assert verdicts.count("fail") <= 1

    def test_onset_is_the_populations_where_lights_off_is_unknown(self, hypnograms):
        cassette = next(p for p in sorted(hypnograms.people) if "cassette" in p)
        with xr.open_datatree(hypnograms.results / "people" / cassette / "night.nc", engine="h5netcdf") as tree:
            assert tree["posterior"].attrs["onset_source"] == "prior"

    def test_caffeine_ranks_below_placebo_for_everyone(self, hypnograms):
        for person in hypnograms.people:
            with xr.open_dataset(hypnograms.results / "people" / person / "rank.nc", engine="h5netcdf") as rank:
                if rank.sizes["treatment"]:
                    utility = rank["expected_utility"]
                    assert float(utility.sel(treatment="caffeine")) < float(utility.sel(treatment="placebo"))
