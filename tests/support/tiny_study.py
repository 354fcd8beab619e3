"""A tiny study, run once: three synthetic people, one short night each, short chains."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]

TINY = {
    "study": "tiny",
    "seed": 20260104,  # all three sleep in their 2.5 h
    "datasets": {"synthetic": {"source": "synthetic:3", "diagnosis": "column:diagnosis"}},
    "synthesize": {"nights": 1, "hours": 2.5},
    "prepare": {"min_scored_min": 30.0},
    "features": {"min_epochs": 4, "events": False},
    "fit_spectral": {"tune": 200, "draws": 150, "starts": 6, "predictive_samples": 40},
    "fit_nights": {"tune": 200, "draws": 150, "predictive_samples": 60, "min_night_min": 60.0},
    # Short chains cannot pass the gates of a real study; the gates have tests of their own.
    "check": {"max_rhat": 1.2, "fail_rhat": 2.0, "min_ess": 20, "fail_ess": 5, "max_divergences": 0.2},
    "simulate": {"draws": 60, "replicates": 4},
    "rank": {"null_permutations": 20},
}


def clone_workflow(folder: Path) -> Path:
    """Copy Snakefile, rules, config and package, so that a test may edit them."""
    for name in ("workflow", "config", "src", "envs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder / "Snakefile")
    return folder


def environment(clone: Path) -> dict[str, str]:
    """Return an environment in which `braintwin` is the clone's, whichever is installed."""
    return {
        **os.environ,
        "PYTHONPATH": str(clone / "src"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }


def braintwin(clone: Path, study: Path, *arguments: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
    """Run the clone's command in a study's folder."""
    return subprocess.run(
        [sys.executable, "-m", "braintwin", *arguments],
        cwd=study, env=environment(clone), capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip


def snakemake(clone: Path, study: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run plain Snakemake on the clone's workflow."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(clone / "Snakefile"), "--cores", "2"]
    return subprocess.run(
        [*command, *arguments],
        cwd=study,
        env=environment(clone),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def write_config(study: Path, **changes: object) -> Path:
    """Write the tiny study's config, with sections replaced."""
    path = study / "config.yaml"
    path.write_text(yaml.safe_dump({**TINY, **changes}), encoding="utf-8")
    return path
