"""By how much peers and naive versions take longer, measured in one run by the scripts in benchmarks/."""

import importlib.util
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
AT_LEAST = {
    "effective samples of a twin a second, against the plain per-epoch model in PyMC": 20.0,
    "simulated epochs a second, against the same chain in numpy": 5.0,
    "PLV, imaginary coherence and wPLI, against mne-connectivity": 3.0,
    "orthogonalised AEC, against mne-connectivity": 1.5,
}
"""Factors that are claimed: about half of what a quiet machine shows, or less. The peer's AEC is matrix products, which
gain most from wide registers: 8.2 on a Haswell, 2.3 to 2.6 on a processor with AVX-512."""


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def speed_ratios() -> dict[str, Any]:
    """Return each ratio, to two digits, beside the factor that is claimed."""
    with TemporaryDirectory() as folder:
        peers = _script("connect").against_peers(Path(folder), 20, 120, 100.0, 40)
    found = [_script("nights_sampler").main(), _script("simulate").main(), *peers.values()]
    return {
        "ratios": {
            name: {"ratio": float(f"{ratio:.2g}"), "at_least": least}
            for (name, least), ratio in zip(AT_LEAST.items(), found, strict=True)
        }
    }
