"""The history of a twin: whole, append-only, and broken visibly by any change."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from braintwin.errors import BrainTwinError
from braintwin.io.versions import HISTORY, faults, read_history, record, version_path, versions_of


def write_twin(path: Path, level: float, nights: tuple[str, ...], step: str = "fit-nights") -> Path:
    """Write what the history reads of a twin."""
    stage = np.full((len(nights), 6), -1, np.int8)
    stage[:, :4] = np.arange(len(nights))[:, None] % 5
    groups = {
        "/": xr.Dataset(attrs={"step": step, "code": "abc", "options": "{}", "seed": "1", "braintwin_version": "0"}),
        "/posterior": xr.Dataset(
            {"person_effect": (("chain", "draw"), np.full((1, 3), level))}, attrs={"population": "p"}
        ),
        "/observed_data": xr.Dataset(
            {"stage": (("night", "epoch"), stage), "time_in_bed": ("night", np.full(len(nights), 2.5))},
            {"night": list(nights)},
        ),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    xr.DataTree.from_dict(groups).to_netcdf(path, engine="h5netcdf")
    return path


@pytest.fixture
def twin(tmp_path: Path) -> Path:
    """Return a twin with three versions."""
    path = tmp_path / "people" / "lab-1" / "night.nc"
    for number, nights in enumerate([("a",), ("a", "b"), ("a", "b", "c")]):
        record(write_twin(path, float(number), nights, "update" if number else "fit-nights"))
    return path


def test_every_version_is_kept_with_what_it_saw(twin: Path) -> None:
    lines = read_history(versions_of(twin))
    assert [line.version for line in lines] == [1, 2, 3]
    assert [line.made_by for line in lines] == ["fit-nights", "update", "update"]
    assert [list(line.saw) for line in lines] == [["a"], ["a", "b"], ["a", "b", "c"]]
    assert lines[0].saw["a"] == lines[2].saw["a"] != lines[2].saw["b"]
    assert [line.previous for line in lines] == ["", lines[0].digest, lines[1].digest]
    assert faults(versions_of(twin)) == []
    with xr.open_datatree(version_path(versions_of(twin), 1), engine="h5netcdf") as first:
        assert float(first["posterior"]["person_effect"].mean()) == 0.0


def test_the_same_twin_is_one_version(twin: Path) -> None:
    before = (versions_of(twin) / HISTORY).read_bytes()
    assert record(twin).version == 3
    assert (versions_of(twin) / HISTORY).read_bytes() == before


def test_lines_are_only_added(twin: Path) -> None:
    before = (versions_of(twin) / HISTORY).read_bytes()
    assert record(write_twin(twin, 9.0, ("a",))).version == 4
    assert (versions_of(twin) / HISTORY).read_bytes().startswith(before)


def _change_value(lines: list[str]) -> list[str]:
    value = json.loads(lines[1])
    value["saw"].pop("b")
    return [lines[0], json.dumps(value), lines[2]]


def _forge(lines: list[str]) -> list[str]:
    """Change a line and give it the digest that fits: the next line tells."""
    value = json.loads(lines[1])
    value["seed"] = "2"
    from braintwin.io.versions import Version

    return [lines[0], Version.model_validate(value).sealed().model_dump_json(), lines[2]]


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (_change_value, "line 2 was changed"),
        (_forge, "line 3 does not follow"),
        (lambda lines: [lines[0], lines[2]], "dropped or moved"),
        (lambda lines: [lines[1], lines[0], lines[2]], "does not follow"),
        (lambda lines: lines[:2], "0003.nc has no line"),
    ],
)
def test_a_changed_line_is_told(twin: Path, tamper, said: str) -> None:
    path = versions_of(twin) / HISTORY
    path.write_text("\n".join(tamper(path.read_text().splitlines())) + "\n")
    assert any(said in fault for fault in faults(versions_of(twin)))


def test_nothing_is_added_to_a_broken_history(twin: Path) -> None:
    path = versions_of(twin) / HISTORY
    path.write_text("\n".join(_change_value(path.read_text().splitlines())) + "\n")
    before = path.read_bytes()
    with pytest.raises(BrainTwinError, match="line 2 was changed"):
        record(write_twin(twin, 9.0, ("a",)))
    assert path.read_bytes() == before


def test_a_changed_version_is_told(twin: Path) -> None:
    write_twin(version_path(versions_of(twin), 2), 7.0, ("a", "b"))
    assert faults(versions_of(twin)) == ["0002.nc is not the twin that line 2 tells of"]
    version_path(versions_of(twin), 2).unlink()
    assert faults(versions_of(twin)) == ["0002.nc is gone"]


def test_an_interruption_between_copy_and_line_is_made_good(twin: Path) -> None:
    write_twin(twin, 9.0, ("a",))
    shutil.copyfile(twin, version_path(versions_of(twin), 4))
    assert record(twin).version == 4
    assert faults(versions_of(twin)) == []


def test_a_line_that_is_none_is_a_mistake_in_one_sentence(twin: Path) -> None:
    (versions_of(twin) / HISTORY).write_text("hello\n")
    with pytest.raises(BrainTwinError, match="line 1 is not a version"):
        faults(versions_of(twin))
