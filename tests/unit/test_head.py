"""Snakemake as a run starts it: its default limit on jobs gone, the inputs of a job read once, its own exit codes."""

import hashlib
import json
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


MANY = """
rule all:
    input:
        expand("in-{n}", n=range(3)),
    output:
        expand("out-{n}", n=range(4)),
    shell:
        "touch {output}"
"""
COUNTING = """
import hashlib, runpy, sys
real, read = hashlib.file_digest, []
def counted(stream, digest):
    read.append(getattr(stream, "name", ""))
    return real(stream, digest)
hashlib.file_digest = counted
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print("read", sorted(str(name) for name in read if str(name).startswith("in-")))
"""


def test_each_input_of_a_job_is_read_once_and_recorded_for_every_output(tmp_path):
    (tmp_path / "Snakefile").write_text(MANY)
    for n in range(3):
        (tmp_path / f"in-{n}").write_text(str(n))
    done = subprocess.run(
        [sys.executable, "-c", COUNTING, str(HEAD), "--cores", "1"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "read ['in-0', 'in-1', 'in-2']" in done.stdout
    records = [json.loads(path.read_text()) for path in (tmp_path / ".snakemake" / "metadata").iterdir()]
    expected = {f"in-{n}": f"sha256:{hashlib.sha256(str(n).encode()).hexdigest()}" for n in range(3)}
    assert [record["input_checksums"] for record in records] == [expected] * 4
