"""The quick writer's files are those of xarray."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts.base import Contract
from braintwin.contracts.rank import RANKING
from braintwin.contracts.simulate import SIMULATED
from braintwin.contracts.spectral import GROUP_CONTRACTS
from braintwin.contracts.tables import PersonRow
from braintwin.digest import lasting_digest
from braintwin.errors import ContractError
from braintwin.io.arrays import as_str, read_dataset, storable, write_dataset
from braintwin.io.groups import read_quickly
from braintwin.io.posterior import read_groups
from braintwin.io.quick import write_groups_quickly, write_quickly
from braintwin.paths import StudyPaths
from report_artefacts import write_ranking, write_twins

STAMP = {"version": "0", "seed": 3, "options": '{"a": 1}'}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> StudyPaths:
    made = StudyPaths(tmp_path_factory.mktemp("quick") / "results" / "lab")
    write_ranking(made, PersonRow(person="lab-1", batch="b", dataset="lab"), np.random.default_rng(1))
    write_twins(made, "lab-1", ["lab-1-1"], np.random.default_rng(2), eeg=True, verdict="pass", fitted=True)
    return made


@pytest.mark.parametrize(("step", "contract"), [("simulate", SIMULATED), ("rank", RANKING)])
def test_both_writers_write_the_same(paths: StudyPaths, step: str, contract: Contract, tmp_path: Path) -> None:
    dataset = read_dataset(paths.person("lab-1", step), contract)
    write_dataset(tmp_path / "slow.nc", dataset, contract, STAMP)
    write_quickly(tmp_path / "quick.nc", dataset, contract, STAMP)
    slow, quick = (read_dataset(tmp_path / f"{name}.nc", contract) for name in ("slow", "quick"))
    xr.testing.assert_identical(quick, slow)
    assert list(quick.variables) == list(slow.variables)
    xr.testing.assert_identical(read_quickly(tmp_path / "quick.nc", contract), quick)
    assert lasting_digest(tmp_path / "quick.nc") == lasting_digest(tmp_path / "slow.nc")


@pytest.mark.parametrize("contract", [SIMULATED, RANKING])
def test_an_empty_artefact_is_written_too(contract: Contract, tmp_path: Path) -> None:
    empty = contract.empty(attrs={name: "" for name in contract.attrs})
    write_dataset(tmp_path / "slow.nc", empty, contract)
    write_quickly(tmp_path / "quick.nc", empty, contract)
    xr.testing.assert_identical(
        read_dataset(tmp_path / "quick.nc", contract), read_dataset(tmp_path / "slow.nc", contract)
    )


def of_xarray(path: Path) -> dict[str, xr.Dataset]:
    with xr.open_datatree(path, engine="h5netcdf", decode_timedelta=False) as tree:
        return {node.path.strip("/") or "/": as_str(node.to_dataset(inherit=False).load()) for node in tree.subtree}


@pytest.mark.parametrize("which", ["spectral", "night", "empty"])
def test_groups_are_written_as_xarray_writes_them(paths: StudyPaths, which: str, tmp_path: Path) -> None:
    empty = {name: contract.empty() for name, contract in GROUP_CONTRACTS.items()}
    groups = empty if which == "empty" else read_groups(paths.person("lab-1", which))
    groups = {name: dataset for name, dataset in groups.items() if name != "/"}
    slow, quick = tmp_path / "slow.nc", tmp_path / "quick.nc"
    tree = {"/": xr.Dataset(attrs=STAMP), **{name: storable(dataset) for name, dataset in groups.items()}}
    xr.DataTree.from_dict(tree).to_netcdf(slow, engine="h5netcdf")
    write_groups_quickly(quick, groups, STAMP)
    theirs, ours = of_xarray(slow), of_xarray(quick)
    assert set(ours) == set(theirs)
    for name, dataset in theirs.items():
        xr.testing.assert_identical(ours[name], dataset)
    assert lasting_digest(quick) == lasting_digest(slow)


def test_what_breaks_the_contract_is_not_written(paths: StudyPaths, tmp_path: Path) -> None:
    broken = read_dataset(paths.person("lab-1", "rank"), RANKING).drop_vars("p_best")
    with pytest.raises(ContractError, match="p_best"):
        write_quickly(tmp_path / "quick.nc", broken, RANKING)
    assert not any(tmp_path.iterdir())
