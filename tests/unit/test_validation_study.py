"""The published validation study: whole, what its records say, and every way to change it named."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

import validation_check
import validation_study
from braintwin.digest import file_digest
from braintwin.review import archive as archives
from campaign import RECORDS, read
from validation_check import check, main
from validation_study import ARCHIVE, PAGE, page, parts, write_study

NONE: tuple[str, ...] = ()
Tamper = Callable[[Path], None]


@pytest.fixture
def sealed_again(tmp_path: Path) -> Callable[[Tamper], Path]:
    """Return a maker of archives that somebody changed and sealed again."""

    def forge(tamper: Tamper) -> Path:
        folder = tmp_path / "unpacked"
        folder.mkdir()
        assert archives.unpack(ARCHIVE, folder) == []
        tamper(folder)
        archives.pack(folder, tmp_path / "forged.zip")
        return tmp_path / "forged.zip"

    return forge


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def published(name: str) -> dict[str, Any]:
    record = read(RECORDS / f"{name}.json")
    assert record is not None
    return record


def test_the_published_archive_is_whole_small_and_agrees_with_its_records() -> None:
    report = check(ARCHIVE, None, NONE)
    assert (report.faults, report.numbers) == ([], [])
    assert ARCHIVE.stat().st_size < 300_000
    assert all(record["passed"] for _, record in parts())


def test_archive_and_page_are_what_the_records_say(tmp_path: Path) -> None:
    write_study(tmp_path / "now")
    (tmp_path / "then").mkdir()
    archives.unpack(ARCHIVE, tmp_path / "then")
    then, now = (json.loads((tmp_path / name / "study.json").read_text()) for name in ("then", "now"))
    drawn_alike = then["matplotlib"] == now["matplotlib"] == mpl.__version__
    names = archives.members(tmp_path / "then")
    assert archives.members(tmp_path / "now") == names
    for name in names:
        if name != "study.json" and (drawn_alike or not name.endswith(".svg")):
            assert file_digest(tmp_path / "then" / name) == file_digest(tmp_path / "now" / name), name
    seal = archives.integrity(tmp_path / "then")[1]
    assert PAGE.read_text(encoding="utf-8") == page(tmp_path / "then", seal)
    for figure in (tmp_path / "then" / "figures").iterdir():
        assert (PAGE.with_suffix("") / figure.name).read_bytes() == figure.read_bytes()


def test_tables_of_the_docs_page_are_those_of_the_benchmark() -> None:
    text = (PAGE.parent / "hypnogram-twin.md").read_text(encoding="utf-8")
    numbers = published("held-out-nights")["numbers"]
    for name, row in numbers["gains"].items():
        shown = re.search(rf"^{re.escape(name)} +(-?[\d.]+)  95 % \[(-?[\d.]+), (-?[\d.]+)\]", text, re.MULTILINE)
        assert shown is not None, name
        assert shown.groups() == tuple(f"{row[key]:.2f}" for key in ("mean", "low", "high"))
    for kind, rows in numbers["outcomes"].items():
        block = text.split(f"\n{kind:11s} 90 % coverage")[1]
        for name, row in rows.items():
            line = next(line for line in block.splitlines() if line.startswith(f"{name:11s} "))
            assert line.endswith(f"{row['skill']:6.1f} [{row['skill_low']:.1f}, {row['skill_high']:.1f}]"), name


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.97])
def test_one_flipped_byte_is_named(share: float, tmp_path: Path) -> None:
    spoilt = bytearray(ARCHIVE.read_bytes())
    spoilt[int(share * len(spoilt))] ^= 1
    (tmp_path / "spoilt.zip").write_bytes(spoilt)
    report = check(tmp_path / "spoilt.zip", None, NONE)
    assert report.faults
    assert main([str(tmp_path / "spoilt.zip"), "--parts", ""]) == 1


def test_one_flipped_byte_of_a_table_is_named_by_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import zipfile

    with zipfile.ZipFile(ARCHIVE) as stored:
        place = stored.getinfo("tables/temazepam-scores.tsv").header_offset
    spoilt = bytearray(ARCHIVE.read_bytes())
    spoilt[place + 30 + len("tables/temazepam-scores.tsv") + 20] ^= 4
    (tmp_path / "spoilt.zip").write_bytes(spoilt)
    assert main([str(tmp_path / "spoilt.zip"), "--parts", ""]) == 1
    assert "tables/temazepam-scores.tsv" in capsys.readouterr().out


def test_one_changed_digit_is_named_though_sealed_again(
    sealed_again: Callable[[Tamper], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    cell = f"{published('held-out-nights')['numbers']['gains']['own - population']['mean']:.6g}"
    digit = "1" if cell[-1] != "1" else "2"

    def tamper(folder: Path) -> None:
        replaced(folder / "tables" / "held-out-gains.tsv", cell, cell[:-1] + digit)

    assert main([str(sealed_again(tamper)), "--parts", ""]) == 1
    shown = capsys.readouterr().out
    assert f"tables/held-out-gains.tsv own - population mean: published {cell[:-1]}{digit}, here {cell}" in shown
    assert "verdict: different" in shown


def test_another_option_in_the_config_is_named(sealed_again: Callable[[Tamper], Path]) -> None:
    def tamper(folder: Path) -> None:
        replaced(folder / "config.yaml", "{log rate: 0, low: 1, high: 2}", "{log rate: 0, low: 2, high: 1}")

    report = check(sealed_again(tamper), None, NONE)
    assert {number.table for number in report.different} >= {"tables/temazepam-hazards.tsv"}


def test_numbers_made_up_from_record_to_seal_are_found_by_making_them_again(
    sealed_again: Callable[[Tamper], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = published("nights-sbc")["numbers"]
    monkeypatch.setitem(validation_check.MAKE, "nights-sbc", lambda *_: honest)
    assert {number.verdict for number in check(ARCHIVE, None, ["nights-sbc"]).numbers} == {"identical"}

    def tamper(folder: Path) -> None:
        record = json.loads((folder / "nights-sbc.json").read_text())
        record["numbers"]["fits"]["too sure"]["least_p"] = 0.5
        (folder / "nights-sbc.json").write_text(json.dumps(record))
        part = next(part for part, _ in parts(folder) if part["record"] == "nights-sbc")
        validation_study.write_tables(folder, part, record["numbers"])

    (wrong,) = check(sealed_again(tamper), None, ["nights-sbc"]).different
    assert wrong.name == "tables/recovery.tsv too sure least adjusted p"


@pytest.mark.parametrize(("shift", "verdict"), [(0.5, "within"), (1e3, "different")])
def test_with_other_software_a_number_may_differ_by_its_error(
    shift: float, verdict: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = published("temazepam")
    numbers, error = record["numbers"], record["monte_carlo_sd"]["outcomes"]["WASO"]["expected_change"]
    numbers["outcomes"]["WASO"]["expected_change"] += shift * error
    monkeypatch.setitem(validation_check.MAKE, "temazepam", lambda *_: numbers)
    monkeypatch.setattr(validation_check, "same_software", lambda _: False)
    found = {number.name: number for number in check(ARCHIVE, tmp_path, ["temazepam"]).numbers}
    assert found.pop("tables/temazepam-changes.tsv WASO expected").verdict == verdict
    assert {number.verdict for number in found.values()} == {"identical"}
    monkeypatch.setattr(validation_check, "same_software", lambda _: True)
    assert len(check(ARCHIVE, tmp_path, ["temazepam"]).different) == 1


@pytest.mark.parametrize(("factor", "verdict"), [(2.0, "within"), (0.01, "different")])
def test_ratios_are_compared_with_the_stated_factor_alone(
    factor: float, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = published("speed")["numbers"]
    for row in numbers["ratios"].values():
        row["ratio"] *= factor
    monkeypatch.setitem(validation_check.MAKE, "speed", lambda *_: numbers)
    assert {number.verdict for number in check(ARCHIVE, None, ["speed"]).numbers} == {verdict}


def test_without_the_data_it_says_what_was_not_made_again() -> None:
    assert check(ARCHIVE, None, ["temazepam"]).notes[1] == "temazepam: not made again, its data are not here"


def test_no_archive_gives_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "other.zip").write_bytes(b"nothing")
    assert main([str(tmp_path / "other.zip")]) == 2
