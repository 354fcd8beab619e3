"""The page on adding a measure: its edits, made in a copy of the package, give the measure that it promises."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = """
import numpy as np
from braintwin.contracts.connect import MEASURES
from braintwin.options.connect import ConnectOptions
from braintwin.signals.connectome import Settings, stage_connectome

assert "iplv" in ConnectOptions().measures
rng = np.random.default_rng(3)
eeg = rng.normal(size=(12, 3, 1200))
eeg[:, 1, 5:] += eeg[:, 0, :-5]
settings = Settings(sfreq=100.0, window_s=4.0, bands={"alpha": (8.0, 12.0)}, min_epochs=5, blocks=0)
found = stage_connectome(eeg, np.ones((12, 3), bool), settings).value[0]
windows = np.lib.stride_tricks.sliding_window_view(eeg, 400, axis=-1)[:, :, ::200]
spectra = np.fft.rfft((windows - windows.mean(-1, keepdims=True)) * np.hanning(400), axis=-1)[..., 32:48]
cross = spectra[:, 0] * spectra[:, 1].conj()
expected = np.abs((cross / np.abs(cross)).imag.mean(axis=(0, 1))).mean()
print(found[MEASURES.index("iplv"), 0, 1], expected)
"""


def test_the_edits_of_the_page_are_enough(tmp_path):
    page = (ROOT / "docs" / "howto" / "add-a-measure.md").read_text(encoding="utf-8")
    block = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert block
    package = tmp_path / "braintwin"
    shutil.copytree(ROOT / "src" / "braintwin", package, ignore=shutil.ignore_patterns("__pycache__", "data"))

    def edit(name: str, before: str, after: str) -> None:
        path = package / name
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{name} has not one {before!r}"
        path.write_text(text.replace(before, after), encoding="utf-8")

    formula = textwrap.dedent(block[1])
    edit(
        "signals/coupling.py", "\nPHASE_MEASURES = tuple(REGISTRY)", f"\n{formula}\n\nPHASE_MEASURES = tuple(REGISTRY)"
    )
    edit("contracts/connect.py", '    "aec_orth",\n)', '    "iplv",\n    "aec_orth",\n)')
    edit("options/connect.py", '"psi", "aec_orth"]', '"psi", "iplv", "aec_orth"]')
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ours, expected = map(float, done.stdout.split())
    assert 0.01 < expected < 1
    assert abs(ours - expected) < 1e-5
