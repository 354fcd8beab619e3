"""A night without EEG is prepared without the libraries of signals; imports alone would take longer than its work."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from braintwin.contracts.tables import NightRow
from braintwin.io.records import read_status
from braintwin.options.dataset import DatasetOptions
from braintwin.options.prepare import PrepareOptions
from braintwin.steps import prepare

folder = Path(sys.argv[1])
rows = "".join(f"{30 * i}\\t30\\t{'W N1 N2 N3 R'.split()[i // 40]}\\n" for i in range(200))
(folder / "events.tsv").write_text("onset\\tduration\\tstage\\n" + rows)
out = folder / "x-1" / "prepare.nc"
out.parent.mkdir()
night = NightRow(night="x-1", person="x-1", dataset="x", bids_path="", stages="events.tsv", has_stages=True)
prepare.run(
    night=night, dataset=DatasetOptions(source="x"), dataset_root=folder, prepare=out,
    epochs=out.with_name("epochs.zarr.zip"), options=PrepareOptions(),
)
assert read_status(out).state == "ok", read_status(out)
print(sorted({"mne", "mne_bids", "yasa", "scipy.signal", "numba", "matplotlib", "sklearn"} & set(sys.modules)))
"""


def test_a_night_without_eeg_needs_no_signal_library(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
