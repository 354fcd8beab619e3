"""A run killed at any moment goes on where it was, and ends with the results of an undisturbed one."""

import os
import signal
import subprocess
import sys
import time

import pytest

from braintwin.io.digest import tree_digests
from tiny_study import braintwin, environment, write_config

pytestmark = [pytest.mark.slow]


def kill_when(clone, study, ready, timeout=600.0):
    """Start a run, send SIGKILL to its head and to Snakemake once `ready(results)`, leaving the jobs alive."""
    head = subprocess.Popen(
        [sys.executable, "-m", "braintwin", "run", "--config", "config.yaml", "--cores", "2"],
        cwd=study, env=environment(clone), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + timeout
    while not ready(study / "results" / "tiny"):
        assert head.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.2)
    children = subprocess.run(
        ["pgrep", "-P", str(head.pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    for pid in (head.pid, *map(int, children)):
        os.kill(pid, signal.SIGKILL)
    head.wait()


def test_a_killed_run_goes_on_to_identical_results(tiny, tmp_path):
    write_config(tmp_path)
    moments = [
        lambda results: any(results.glob("nights/*/prepare.nc")),  # both may come between two looks
        lambda results: (results / "logs" / "fit-nights").is_dir() or (results / "logs" / "fit-spectral").is_dir(),
    ]
    for ready in moments:
        kill_when(tiny.clone, tmp_path, ready)
    done = braintwin(tiny.clone, tmp_path, "run", "--config", "config.yaml", "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert tree_digests(tmp_path / "results" / "tiny") == tree_digests(tiny.results)
    assert not list((tmp_path / "results").rglob("*.part"))
