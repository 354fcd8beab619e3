"""The pipeline's own outputs pass its privacy check: tables, arrays, pages, records and logs."""

import shutil

import pytest

from braintwin.io.privacy import check_tree

pytestmark = [pytest.mark.slow]


def test_results_of_a_study_tell_nothing_of_people_or_places(tiny) -> None:
    assert (tiny.results / "logs" / "run.log").stat().st_size > 1000
    assert [leak for leak in check_tree(tiny.results) if not leak.path.startswith("logs/retrieve")] == []


def test_the_check_would_see_it_in_each_kind_of_file(tiny, tmp_path) -> None:
    import xarray as xr

    copy = tmp_path / "results"
    shutil.copytree(tiny.results, copy)
    (page,) = list((copy / "report" / "people").glob("*-01.html"))
    page.write_text(page.read_text().replace("</body>", "<p>recorded on 28.10.2021</p></body>"))
    night = next((copy / "nights").glob("*/prepare.nc"))
    with xr.open_dataset(night, engine="h5netcdf") as opened:
        dataset = opened.load()
    dataset.assign_attrs(note="/home/jane/recordings").to_netcdf(night, engine="h5netcdf")
    with (copy / "logs" / "index.log").open("a") as log:
        log.write("patient of 2020-01-31\n")
    found = {(leak.path.rpartition("/")[2], leak.kind) for leak in check_tree(copy)}
    assert found >= {(page.name, "date"), ("prepare.nc", "absolute path"), ("index.log", "date")}
