"""braintwin init: the config that it writes reads the dataset as inspect does, refused where people must say."""

import json
from pathlib import Path

import pytest
import yaml

from braintwin.cli.init import init
from braintwin.config import load_config, parse_config
from braintwin.contracts.tables import DatasetRecord
from braintwin.errors import BrainTwinError, ConfigError
from braintwin.options.index import IndexOptions
from braintwin.steps.index import index_datasets


def dataset(root: Path, labels: list[str]) -> Path:
    """Write a dataset of two people whose stages are `labels`."""
    root.mkdir()
    (root / "dataset_description.json").write_text('{"Name": "lab", "BIDSVersion": "1.9.0"}')
    for sub in ("01", "02"):
        folder = root / f"sub-{sub}" / "eeg"
        folder.mkdir(parents=True)
        rows = [f"{30 * i}\t30\t{labels[i % len(labels)]}" for i in range(400)]
        table = "\n".join(["onset\tduration\tstage", *rows]) + "\n"
        (folder / f"sub-{sub}_task-psg_events.tsv").write_text(table)
    return root


def test_the_config_reads_the_nights_that_inspect_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset(tmp_path / "lab", ["W", "N1", "N2", "N3", "R"])
    said = init(Path("studies/one"), "lab", None, ["cbti"])
    assert "task psg" in said and "Next: look at 1 choice(s)" in said and "cd studies/one" in said
    assert max(map(len, Path("studies/one/config.yaml").read_text().splitlines())) <= 120
    config = load_config("studies/one/config.yaml")
    assert config.study == "one" and config.simulate.treatments == ["cbti"]
    assert config.datasets["lab"].source == "../../lab" and config.datasets["lab"].task == "psg"
    record = DatasetRecord(name="lab", root=str(tmp_path / "lab"), kind="local", source="lab")
    assert len(index_datasets([record], config.datasets, IndexOptions()).nights) == 2
    assert json.loads(Path("studies/one/schema.json").read_text())["title"] == "Config"
    assert {path.name for path in Path("studies/one").iterdir()} == {
        "config.yaml", "schema.json", "README.md", ".gitignore",
    }  # fmt: skip


def test_codes_that_only_people_know_are_left_open_and_the_config_is_refused_until_they_are_filled_in(tmp_path):
    dataset(tmp_path / "lab", ["0", "1", "2", "3", "4"])
    said = init(tmp_path / "one", str(tmp_path / "lab"), "sleepers", [])
    assert "Next: fill in stages.codes.0" in said
    path = tmp_path / "one" / "config.yaml"
    with pytest.raises(ConfigError, match=r"stages\.codes"):
        load_config(path)
    values = yaml.safe_load(path.read_text())
    codes = values["datasets"]["sleepers"]["stages"]["codes"]
    codes.update(zip(sorted(codes), ("W", "N1", "N2", "N3", "R"), strict=True))
    assert parse_config(values).datasets["sleepers"].stages.codes["4"] == "R"


@pytest.mark.parametrize("source", ["openneuro:ds005555", "synthetic:4", None])
def test_an_address_is_written_down(tmp_path, source):
    init(tmp_path / "one", source, None, [])
    (only,) = load_config(tmp_path / "one" / "config.yaml").datasets.values()
    assert only.source == (source or "synthetic:8")


def test_nothing_is_made_of_a_mistake(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").touch()
    for arguments, words in [
        ((tmp_path / "full", None, None, []), "not empty"),
        ((tmp_path / "new", "no/such/folder", None, []), "no dataset"),
        ((tmp_path / "new", None, None, ["zolpidm_10"]), "did you mean 'zolpidem_10'"),
    ]:
        with pytest.raises(BrainTwinError, match=words):
            init(*arguments)
    assert not (tmp_path / "new").exists()
