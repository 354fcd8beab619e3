"""`braintwin step`: several nights in one job, and what it says of a wrong call."""

import json
from pathlib import Path

import pytest

from braintwin.cli import step
from braintwin.contracts.prepare import PREPARED
from braintwin.errors import ConfigError
from braintwin.io.arrays import read_dataset
from braintwin.io.records import read_status

EVENTS = "onset\tduration\ttrial_type\n" + "".join(
    f"{30 * i}\t30\t{stage}\n" for i, stage in enumerate(["W"] * 10 + ["N1"] * 10 + ["N2"] * 150 + ["R"] * 30)
)


def row(sub: str) -> str:
    return json.dumps(
        {
            "night": f"d-{sub}",
            "person": f"d-{sub}",
            "dataset": "d",
            "bids_path": f"sub-{sub}",
            "condition": "baseline",
            "night_index": 1,
            "has_eeg": False,
            "has_stages": True,
            "stages": f"{sub}.tsv",
        }
    )


def arguments(folder: Path, subs: list[str]) -> list[str]:
    return [
        "prepare",
        "--night", *(row(sub) for sub in subs),
        "--dataset", json.dumps({"source": "."}),
        "--dataset-root", str(folder),
        "--prepare", *(str(folder / f"d-{sub}" / "prepare.nc") for sub in subs),
        "--epochs", *(str(folder / f"d-{sub}" / "epochs.zarr.zip") for sub in subs),
    ]  # fmt: skip


def test_a_job_prepares_several_nights_and_a_bad_one_does_not_stop_the_others(tmp_path):
    for sub in ("01", "02", "03"):
        (tmp_path / f"{sub}.tsv").write_text(EVENTS if sub != "02" else "onset\tduration\n0\t30\n", encoding="utf-8")
        (tmp_path / f"d-{sub}").mkdir()
    assert step.run(arguments(tmp_path, ["01", "02", "03"])) == 0
    states = [read_status(tmp_path / f"d-{sub}" / "prepare.nc").state for sub in ("01", "02", "03")]
    assert states == ["ok", "excluded", "ok"]
    for sub in ("01", "03"):
        found = read_dataset(tmp_path / f"d-{sub}" / "prepare.nc", PREPARED)
        assert found.attrs["night"] == f"d-{sub}"
        assert found.sizes["epoch"] == 200


def test_files_that_do_not_match_the_nights_are_refused(tmp_path):
    words = arguments(tmp_path, ["01", "02"])
    del words[words.index("--epochs") + 1]
    with pytest.raises(ConfigError, match=r"as many of each file as nights, got --night 2, --prepare 2, --epochs 1"):
        step.run(words)
