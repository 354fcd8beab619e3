"""A contract lists everything that is wrong at once; artefacts are written whole or not at all."""

import numpy as np
import pytest
import xarray as xr

from braintwin.contracts import connect, features, night, prepare, rank, simulate, spectral
from braintwin.contracts.base import Contract, Var
from braintwin.errors import BrainTwinError, ContractError
from braintwin.io.arrays import atomic, open_epochs, read_dataset, write_dataset, write_epochs
from braintwin.io.digest import content_digest

CONTRACTS = [
    value
    for module in (connect, features, night, prepare, rank, simulate, spectral)
    for value in vars(module).values()
    if isinstance(value, Contract)
]


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: c.name)
def test_the_empty_artefact_is_valid(contract):
    assert contract.violations(contract.empty()) == []


@pytest.mark.parametrize(
    "contract", [c for c in CONTRACTS if "/" not in c.name and ".zarr" not in c.name], ids=lambda c: c.name
)
def test_the_empty_artefact_survives_the_disk(contract, tmp_path):
    path = tmp_path / "owner" / contract.name
    write_dataset(path, contract.empty(), contract)
    assert read_dataset(path, contract).sizes == contract.empty().sizes


def test_every_violation_is_listed():
    contract = Contract(
        "x.nc", "", {"a": Var(("t",), "f", "s"), "b": Var(("t",), "i"), "c": Var(("t",), "U")}, attrs=("who",)
    )
    bad = xr.Dataset({"a": (("t", "u"), np.zeros((2, 2)), {"units": "ms"}), "b": ("t", np.zeros(2))})
    found = contract.violations(bad)
    assert len(found) == 5
    with pytest.raises(
        ContractError, match=r"5 violation\(s\).*'a' has dims.*'a' has units.*'b' has dtype.*'c' is absent.*'who'"
    ):
        contract.check(bad)


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "kept.txt"
    path.write_text("old")

    def broken():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]


def test_an_unreadable_artefact_is_told_in_one_line(tmp_path):
    path = tmp_path / "prepare.nc"
    path.write_bytes(b"not netcdf")
    with pytest.raises(BrainTwinError, match="cannot be read") as error:
        read_dataset(path, prepare.PREPARED)
    assert str(tmp_path) not in str(error.value)


def epochs(seed):
    rng = np.random.default_rng(seed)
    eeg = rng.normal(size=(7, 2, 100)).astype("float32")
    data = xr.Dataset(
        {"eeg": (("epoch", "channel", "time"), eeg)},
        {"epoch": np.arange(7), "channel": ["C3", "C4"], "time": np.arange(100) / 100},
        {"night": "n", "person": "p", "sfreq": 100.0},
    )
    return prepare.EPOCHS.stamp_units(data)


def test_epochs_come_back_as_they_went(tmp_path):
    write_epochs(tmp_path / "e.zarr.zip", epochs(1), prepare.EPOCHS, chunk_epochs=3)
    xr.testing.assert_identical(open_epochs(tmp_path / "e.zarr.zip", prepare.EPOCHS).load(), epochs(1))


def test_the_same_content_has_the_same_digest_and_the_same_bytes(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_epochs(tmp_path / f"{name}.zarr.zip", epochs(seed), prepare.EPOCHS)
    a, b, c = (content_digest(tmp_path / f"{name}.zarr.zip") for name in "abc")
    assert a == b != c
    assert (tmp_path / "a.zarr.zip").read_bytes() == (tmp_path / "b.zarr.zip").read_bytes()


def test_a_volatile_attribute_does_not_change_a_digest_and_a_value_does(tmp_path):
    base = prepare.PREPARED.empty({"epoch": 3})
    write_dataset(tmp_path / "a.nc", base.assign_attrs(created="today"), prepare.PREPARED)
    write_dataset(tmp_path / "b.nc", base.assign_attrs(created="tomorrow"), prepare.PREPARED)
    write_dataset(tmp_path / "c.nc", base.assign_attrs(sfreq="100"), prepare.PREPARED)
    a, b, c = (content_digest(tmp_path / f"{name}.nc") for name in "abc")
    assert a == b != c
