"""The quick reader returns what xarray does."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.base import Contract
from braintwin.contracts.connect import CONNECTOME
from braintwin.contracts.features import FEATURES
from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.rank import RANKING
from braintwin.contracts.simulate import SIMULATED
from braintwin.contracts.tables import NightRow, PersonRow
from braintwin.errors import BrainTwinError, ContractError
from braintwin.io.arrays import as_str, read_dataset
from braintwin.io.groups import read_groups_of, read_quickly
from braintwin.io.posterior import read_groups
from braintwin.paths import StudyPaths
from report_artefacts import write_night, write_ranking, write_twins


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> StudyPaths:
    made, rng = StudyPaths(tmp_path_factory.mktemp("groups") / "results" / "lab"), np.random.default_rng(1)
    row = NightRow(night="lab-1-1", person="lab-1", dataset="lab", bids_path="sub-1", has_eeg=True)
    write_night(made, row, rng)
    write_twins(made, "lab-1", ["lab-1-1"], rng, eeg=True, verdict="pass", fitted=True)
    write_ranking(made, PersonRow(person="lab-1", batch="b", dataset="lab"), rng)
    return made


@pytest.mark.parametrize(
    ("step", "contract"),
    [
        ("prepare", PREPARED),
        ("features", FEATURES),
        ("connect", CONNECTOME),
        ("simulate", SIMULATED),
        ("rank", RANKING),
    ],
)
def test_a_dataset_is_the_one_that_xarray_reads(paths: StudyPaths, step: str, contract: Contract) -> None:
    path = paths.person("lab-1", step) if step in ("simulate", "rank") else paths.night("lab-1-1", step)
    xr.testing.assert_identical(read_quickly(path, contract), read_dataset(path, contract))


@pytest.mark.parametrize("step", ["night", "spectral"])
def test_groups_are_those_that_xarray_reads(paths: StudyPaths, step: str) -> None:
    with xr.open_datatree(paths.person("lab-1", step), engine="h5netcdf", decode_timedelta=False) as tree:
        whole = {node.path.strip("/") or "/": as_str(node.to_dataset(inherit=False).load()) for node in tree.subtree}
    quick = read_groups(paths.person("lab-1", step))
    assert set(quick) == set(whole)
    for name, dataset in whole.items():
        xr.testing.assert_identical(quick[name], dataset)


def test_only_the_groups_that_are_asked_for_and_there_are_read(paths: StudyPaths) -> None:
    assert set(read_groups_of(paths.person("lab-1", "night"), ["observed_data", "unheard_of"])) == {
        "/",
        "observed_data",
    }


def test_a_file_that_is_no_netcdf_or_breaks_its_contract_is_refused(paths: StudyPaths, tmp_path: Path) -> None:
    broken = tmp_path / "lab-1" / "rank.nc"
    broken.parent.mkdir()
    broken.write_text("not HDF5")
    with pytest.raises(BrainTwinError, match=r"rank\.nc of lab-1 cannot be read"):
        read_quickly(broken, RANKING)
    with pytest.raises(BrainTwinError, match="cannot be read"):
        read_groups_of(tmp_path / "absent.nc", ["posterior"])
    with pytest.raises(ContractError):
        read_quickly(paths.person("lab-1", "rank"), SIMULATED)
