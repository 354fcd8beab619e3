"""What `braintwin run` asks SLURM, and what it does with the answers; a real SLURM is in tests/slurm."""

import subprocess

import pytest

from braintwin.cli import cluster as slurm
from braintwin.cli.costs import COSTS, minutes, people_per_job
from braintwin.cli.progress import Progress, duration
from braintwin.errors import BrainTwinError
from braintwin.paths import StudyPaths

CONFIG = "AccountingStorageType = accounting_storage/none\nMinJobAge = {age} sec\nSLURM_VERSION = 22.05.8\n"


@pytest.fixture
def answers(monkeypatch):
    """Let SLURM's commands be there, and answer with what a test puts in."""
    said: dict[str, tuple[int, str]] = {}
    asked = []

    def ask(*command):
        asked.append(command)
        code, text = said.get(command[0], (0, ""))
        return subprocess.CompletedProcess(command, code, text if code == 0 else "", text if code else "")

    monkeypatch.setattr(slurm, "ask", ask)
    monkeypatch.setattr(slurm.shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    said["asked"] = asked
    return said


def test_accounting_that_fails_is_not_asked_about_jobs(answers):
    answers["scontrol"] = (0, CONFIG.format(age=300))
    answers["sacct"] = (1, "Slurm accounting storage is disabled")
    assert slurm.probe().status_command == "squeue"
    answers["sacct"] = (0, "")
    assert slurm.probe().status_command == "sacct"


def test_a_cluster_that_could_not_show_the_end_of_a_job_is_refused(answers):
    answers["scontrol"] = (0, CONFIG.format(age=60))
    answers["sacct"] = (1, "disabled")
    with pytest.raises(BrainTwinError, match="MinJobAge=200 or more"):
        slurm.probe()


def test_a_controller_that_does_not_answer_is_told_in_one_line(answers):
    answers["scontrol"] = (1, "slurm_load_ctl_conf error: Unable to contact slurm controller (connect failure)\n")
    with pytest.raises(BrainTwinError, match="Unable to contact slurm controller"):
        slurm.probe()


def test_no_slurm_at_all(monkeypatch):
    monkeypatch.setattr(slurm.shutil, "which", lambda name, path=None: None)
    with pytest.raises(BrainTwinError, match="login node"):
        slurm.probe()


def test_a_prefix_is_one_folders_own_and_one_that_the_executor_takes(tmp_path):
    names = {slurm.job_prefix(StudyPaths(tmp_path / place / ("my study, ünïcode" * 3))) for place in "ab"}
    assert len(names) == 2
    for name in names:
        assert len(name) <= 50 and set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")


def test_only_the_jobs_of_this_study_count(answers, tmp_path):
    paths = StudyPaths(tmp_path / "s")
    answers["squeue"] = (0, f"7|{slurm.job_prefix(paths)}_ab12\n8|other\n9|{slurm.job_prefix(paths)}0_cd\n")
    assert slurm.jobs_of(paths, "ana") == ["7"]


def test_jobs_of_somebody_else_stop_the_run(answers, tmp_path):
    paths = StudyPaths(tmp_path / "s")
    answers["squeue"] = (0, f"77|{slurm.job_prefix(paths)}_x\n")
    answers["scancel"] = (1, "scancel: error: Kill job error on job id 77: Access/permission denied")
    with pytest.raises(BrainTwinError, match="ask ana to run: scancel 77"):
        slurm.cancel_jobs(paths, "ana")


def test_a_queue_that_cannot_be_read_stops_the_run(answers, tmp_path):
    answers["squeue"] = (1, "slurm_load_jobs error: Unable to contact slurm controller")
    with pytest.raises(BrainTwinError, match="earlier run cannot be found"):
        slurm.cancel_jobs(StudyPaths(tmp_path / "s"), "ana")


def test_slurm_conf_is_put_back_in_front_of_each_command(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (real / "srun").write_text('#!/bin/sh\necho "$SLURM_CONF" "$1"\n')
    (real / "srun").chmod(0o755)
    conf = "/etc/a place/slurm.conf"
    made = slurm.with_commands({"PATH": f"{real}:/bin:/usr/bin", "SLURM_CONF": conf}, tmp_path / "bin")
    dropped = {k: v for k, v in made.items() if not k.startswith("SLURM_")}
    done = subprocess.run(["sh", "-c", "srun 'a b'"], env=dropped, capture_output=True, text=True, check=True)
    assert done.stdout == f"{conf} a b\n"
    nowhere = {"PATH": str(tmp_path / "empty")}
    assert slurm.with_commands(nowhere, tmp_path / "none") == nowhere
    (real / "sacct").write_text("#!/bin/sh\n")
    (real / "sacct").chmod(0o755)
    slurm.with_commands({"PATH": f"{real}:/bin:/usr/bin"}, tmp_path / "bin")
    assert [script.name for script in (tmp_path / "bin").iterdir()] == ["sacct"], "none of another configuration"


def test_who_cancelled_a_job_is_left_out_of_what_the_executor_reads(tmp_path):
    (tmp_path / "sacct").write_text('#!/bin/sh\n[ "$1" = fail ] && exit 3\n[ "$1" = none ] && exit 0\ncat "$1"\n')
    (tmp_path / "sacct").chmod(0o755)
    told = tmp_path / "told it"
    told.write_text("1|COMPLETED\n2|CANCELLED by 1000\n3|RUNNING\n")
    made = slurm.with_commands({"PATH": f"{tmp_path}:/bin:/usr/bin"}, tmp_path / "bin")

    def ask(word):
        return subprocess.run(["sacct", word], env=made, capture_output=True, text=True, check=False)

    assert ask(str(told)).stdout == "1|COMPLETED\n2|CANCELLED\n3|RUNNING\n"
    assert (ask("none").stdout, ask("none").returncode, ask("fail").returncode) == ("", 0, 3)


def test_flags_without_accounting_name_no_account(tmp_path):
    paths = StudyPaths(tmp_path / "s")
    bare = slurm.Cluster("22.05.8", accounting=False, min_job_age_s=300)
    flags = slurm.snakemake_flags(bare, paths, jobs=7, account="lab", partition="long")
    assert "--slurm-no-account" in flags and "slurm_partition=long" in flags and "slurm_account=lab" not in flags
    assert flags[flags.index("--jobs") + 1] == "7"


def test_every_attempt_asks_for_more_and_every_person_for_longer():
    for step in COSTS:
        assert minutes(step, 1, 1) < minutes(step, 1, 2) < minutes(step, 1, 3)
        assert minutes(step, 1) <= minutes(step, 100)
    assert minutes("fit_spectral", 100) > minutes("fit_spectral", 4)


def test_batches_are_sized_from_measured_seconds():
    size = people_per_job("fit_spectral", 30)
    cost = COSTS["fit_spectral"]
    assert cost.start_s + cost.each_s * size == pytest.approx(1800, rel=0.05)
    assert people_per_job("fit_spectral", 30, each_s=2 * cost.each_s) == pytest.approx(size / 2, abs=1)
    assert people_per_job("fit_spectral", 0.1) == 1


SAID = """\
Job stats:
job                  count
-----------------  -------
prepare                  2
fit_spectral_b001        1
total                    3

[now]
rule prepare:
    log: logs/prepare/n1.log
    wildcards: night=n1
    resources: mem_mb=1
Finished jobid: 1 (Rule: prepare)
1 of 3 steps (33%) done
Error in rule fit_spectral_b001:
    message: SLURM-job '12' failed, SLURM status is: 'TIMEOUT'.
    jobid: 3
    log: logs/fit-spectral/b001.log (check log file(s) for error details)

Finished jobid: 2 (Rule: prepare)
"""


def test_progress_reads_what_began_how_long_is_left_and_what_failed(capsys):
    progress = Progress(quiet=False)
    for line in SAID.splitlines(keepends=True):
        progress.read(line)
    assert "prepare n1" in capsys.readouterr().err
    (failure,) = progress.failed
    assert (failure.rule, str(failure.log)) == ("fit_spectral_b001", "logs/fit-spectral/b001.log")
    assert "TIMEOUT" in failure.message
    left = progress.left()
    assert left is not None and left > 0
    assert duration(40) == "40 s" and duration(300) == "5 min" and duration(9000) == "2.5 h"


def test_a_plan_counts_the_jobs_of_each_step_and_says_where_there_are_none():
    rows = [
        ("nights/n1/prepare.nc", "prepare"), ("nights/n1/prepare.status.json", "prepare"),
        ("nights/n2/prepare.nc", "prepare"), ("people/a/check.json", "check_labb0001"),
        ("people/b/check.json", "check_labb0001"), ("people/c/check.json", "check_labb0002"),
        ("report/index.html", "cohort"), ("cohort/summary.tsv", "cohort"),
    ]  # fmt: skip
    progress = Progress(quiet=True)
    progress.read("output_file\tdate\trule\tlog-file(s)\tstatus\tplan\n")
    progress.read("nights/n3/prepare.nc\tnow\tprepare\t-\tok\tno update\n")
    assert "Nothing to be done" in progress.plan()
    for name, rule in rows:
        progress.read(f"results/x/{name}\t-\t{rule}\t-\tmissing\tupdate pending\n")
    assert [line.split() for line in progress.plan().splitlines()] == [
        ["prepare", "2"], ["check", "2"], ["cohort", "1"], ["jobs", "5"],
    ]  # fmt: skip
