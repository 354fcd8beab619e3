"""The published example: every byte of it is sealed, and it agrees with itself."""

import random
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from braintwin.config import parse_config
from braintwin.review import consistency, manifest
from braintwin.review.archive import CHAIN, container, integrity, members, pack, unpack
from braintwin.review.chain import chained, first_break
from braintwin.review.compare import flat
from braintwin.review.crate import METADATA, crate_faults
from braintwin.review.verify import Request, verify
from example_study import ARCHIVE, copy_of, naive_forger, unpacked


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return unpacked(tmp_path_factory.mktemp("example") / "archive")


def test_the_published_example_is_whole_and_agrees_with_itself(whole):
    faults, seal = integrity(whole)
    assert faults == []
    assert len(seal) == 64
    assert list(consistency.disagreements(whole)) == []
    assert crate_faults(whole) == []


def test_packing_is_deterministic_and_gives_the_published_bytes(whole, tmp_path):
    seal = pack(copy_of(whole, tmp_path / "again"), tmp_path / "again.zip")
    assert seal == integrity(whole)[1]
    assert container(tmp_path / "again.zip", whole, packed_with=__import__("zlib").ZLIB_RUNTIME_VERSION) == []


def test_one_flipped_byte_in_any_member_is_found_and_the_member_named(whole):
    rng = random.Random(1)
    for name in members(whole):
        path = whole / name
        before = path.read_bytes()
        place = rng.randrange(len(before))
        try:
            path.write_bytes(before[:place] + bytes([before[place] ^ 1]) + before[place + 1 :])
            assert {fault.path for fault in integrity(whole)[0]} == {name}
        finally:
            path.write_bytes(before)


def test_one_flipped_byte_anywhere_in_the_chain_is_found(whole):
    path = whole / CHAIN
    before, rng = path.read_bytes(), random.Random(2)
    seal = integrity(whole)[1]
    try:
        for place in rng.sample(range(len(before)), 60):
            path.write_bytes(before[:place] + bytes([before[place] ^ 1]) + before[place + 1 :])
            assert integrity(whole, seal)[0], place
    finally:
        path.write_bytes(before)


def test_one_flipped_byte_anywhere_in_the_archive_file_is_different_or_no_archive(tmp_path):
    from braintwin.errors import BrainTwinError

    before, rng = ARCHIVE.read_bytes(), random.Random(3)
    target = tmp_path / "example.zip"
    places = [*rng.sample(range(len(before)), 8), len(before) - 200, 12, 30]
    for place in places:
        target.write_bytes(before[:place] + bytes([before[place] ^ 1]) + before[place + 1 :])
        try:
            outcome = verify(target, Request(source="none")).outcome
        except BrainTwinError as refusal:
            outcome = str(refusal)
        assert outcome == "different" or "cannot be opened" in outcome or CHAIN in outcome, (place, outcome)


def test_a_member_that_is_added_taken_away_or_doubled_is_named(whole, tmp_path):
    import zipfile

    folder = copy_of(whole, tmp_path / "changed")
    (folder / "methods.md").unlink()
    (folder / "more.tsv").write_text("x\n")
    assert {(f.path, f.what) for f in integrity(folder)[0]} == {
        ("methods.md", "is missing"), ("more.tsv", "is not in the chain"),
    }  # fmt: skip
    evil = tmp_path / "evil.zip"
    evil.write_bytes(ARCHIVE.read_bytes())
    with zipfile.ZipFile(evil, "a") as archive:
        archive.writestr("../outside.txt", "x")
    (tmp_path / "into").mkdir()
    assert [fault.path for fault in unpack(evil, tmp_path / "into")] == ["../outside.txt"]
    assert not (tmp_path / "outside.txt").exists()


def test_the_seal_that_a_paper_prints_pins_the_archive(whole):
    seal = integrity(whole)[1]
    assert integrity(whole, seal.upper())[0] == []
    assert [fault.path for fault in integrity(whole, "0" * 64)[0]] == [CHAIN]


def other(value):
    """Return another value that the same option could have."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    return ["x"] if value is None or isinstance(value, list) else value


def leaves(config, prefix=()):
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*prefix, key))
        else:
            yield (*prefix, key), value


def test_any_one_option_that_was_changed_is_named_though_the_archive_was_sealed_again(whole):
    path = whole / "config.yaml"
    text = path.read_text(encoding="utf-8")
    sealed = manifest.read(whole / "manifest.json")
    tried = 0
    try:
        for keys, value in leaves(yaml.safe_load(text)):
            changed = yaml.safe_load(text)
            section = changed
            for key in keys[:-1]:
                section = section[key]
            section[keys[-1]] = other(value)
            if section[keys[-1]] == value:
                continue
            path.write_text(yaml.safe_dump(changed), encoding="utf-8")
            faults = list(consistency._config(whole, sealed))
            named = keys[0] if keys[0] == "datasets" and len(keys) < 3 else keys[-1]
            assert faults and all(fault.path == "config.yaml" for fault in faults), keys
            assert any(str(named) in fault.what for fault in faults), (keys, faults)
            tried += 1
    finally:
        path.write_text(text, encoding="utf-8")
    assert tried > 80


def test_a_forger_who_also_changes_the_config_of_the_manifest_is_caught_by_the_stamps(whole, tmp_path):
    import json

    folder = copy_of(whole, tmp_path / "forged")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["rank"]["mcid"] = 5.0
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    sealed = json.loads((folder / "manifest.json").read_text())
    sealed["config"]["rank"]["mcid"] = 5.0
    bare = [{k: v for k, v in entry.items() if k != "chain"} for entry in sealed["entries"]]
    sealed["entries"], sealed["seal"] = chained(manifest.header_of(sealed), bare)
    (folder / "manifest.json").write_text(json.dumps(sealed))
    naive_forger(folder)
    assert integrity(folder)[0] == []
    assert any("rank.mcid" in fault.what for fault in consistency.disagreements(folder))


def test_a_changed_manifest_names_the_entry(whole):
    sealed = manifest.read(whole / "manifest.json")
    assert manifest.broken(sealed) == ""
    sealed["entries"][7]["digest"] = "0" * 64
    assert sealed["entries"][7]["path"] in manifest.broken(sealed)
    sealed = manifest.read(whole / "manifest.json")
    sealed["counts"]["nights_used"] += 1
    assert "header" in manifest.broken(sealed)


def test_a_chain_breaks_where_it_was_changed():
    values, seal = chained("head", [{"a": i} for i in range(9)])
    assert first_break("head", values, seal) is None
    values[4]["a"] = 99
    assert first_break("head", values, seal) == 4
    assert first_break("other", values, seal) == 0


def test_what_machines_may_differ_in_is_no_part_of_the_chain():
    one, there = (chained("h", [{"a": 1, "command": text}])[1] for text in ("here", "there"))
    assert one == there


def test_the_config_in_the_archive_is_a_config_and_holds_no_place(whole):
    config = parse_config(yaml.safe_load((whole / "config.yaml").read_text(encoding="utf-8")))
    assert config.study == "example"
    assert not [text for text in flat(config.model_dump(mode="json")).values() if re.match(r'"[/~]', text)]


def test_no_recording_and_no_scoring_is_in_the_archive(whole):
    import xarray as xr

    names = members(whole)
    assert not [name for name in names if name.endswith((".edf", ".zarr.zip", "prepare.nc", "features.nc"))]
    for path in whole.glob("people/*/night.nc"):
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            assert tree["observed_data"]["stage"].size == 0
            assert tree["posterior"]["person_effect"].size > 0


def test_the_crate_is_read_by_its_library_and_tells_each_step(whole):
    from rocrate.rocrate import ROCrate

    crate = ROCrate(whole)
    assert crate.mainEntity.id == "workflow/Snakefile"
    assert {p["@id"] for p in crate.root_dataset["conformsTo"]} >= {"https://w3id.org/ro/wfrun/workflow/0.5"}
    actions = {e.id: e for e in crate.get_entities() if e.type == "CreateAction"}
    for step in ("#do-check", "#do-simulate", "#do-rank", "#do-cohort"):
        assert actions[step]["object"]
        assert actions[step]["result"]
        assert actions[step]["instrument"].type == "SoftwareApplication"
    dataset = crate.get("#dataset-synthetic")
    assert dataset["license"].id == "https://spdx.org/licenses/CC0-1.0"
    listed = {e.id for e in crate.data_entities}
    assert listed >= set(members(whole)) - {METADATA}


ROOT = Path(__file__).parents[2]
CRATE_PYTHON = ROOT / ".venv-crate" / "bin" / "python"


@pytest.mark.skipif(not CRATE_PYTHON.is_file(), reason="roc-validator absent: `make crate` puts it in .venv-crate")
def test_the_crate_passes_the_validator_of_the_profile():
    script = ROOT / "tests" / "support" / "validate_crate.py"
    done = subprocess.run([CRATE_PYTHON, script, ARCHIVE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("every requirement is met") == 2


def test_the_page_shows_the_published_methods_paragraph():
    from write_methods import PAGE, published, with_methods

    page = PAGE.read_text(encoding="utf-8")
    assert with_methods(page, published()) == page, "`make study` writes it"
