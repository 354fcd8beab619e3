"""Snakemake as a run starts it: no limit on jobs a second but one that somebody gave, and its own exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = Path(__file__).parents[2] / "workflow" / "head.py"
SNAKEFILE = """
onstart:
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    print("limit", limit and (limit.max_jobs, limit.timespan))


rule all:
    output:
        "done.txt",
    shell:
        "{command}"
"""


def head(folder, command, *arguments):
    (folder / "Snakefile").write_text(SNAKEFILE.replace("{command}", command))
    return subprocess.run(
        [sys.executable, str(HEAD), "--cores", "1", *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("arguments", "limit"), [((), "None"), (("--max-jobs-per-timespan", "5/2s"), "(5, 2.0)")])
def test_only_the_default_limit_goes(tmp_path, arguments, limit):
    done = head(tmp_path, "touch {output}", *arguments)
    assert done.returncode == 0, done.stderr
    assert f"limit {limit}" in done.stdout
    assert (tmp_path / "done.txt").is_file()


def test_a_failed_job_and_a_wrong_flag_are_told_by_the_exit_code(tmp_path):
    assert head(tmp_path, "false").returncode == 1
    assert head(tmp_path, "true", "--no-such-flag").returncode == 2
