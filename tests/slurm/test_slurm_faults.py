"""What goes wrong on a cluster, done to a real one; the results are those of the undisturbed run."""

import signal

import pytest

from braintwin.cli.cluster import job_prefix
from braintwin.io.digest import tree_digests
from pair_study import copy_of, is_clean, kill_head, wait_for

pytestmark = [pytest.mark.slurm, pytest.mark.slow]


@pytest.fixture
def study(pair, tmp_path):
    """Return the finished study with its last steps taken away: two jobs on the cluster."""
    copy = copy_of(pair, tmp_path / "study")
    copy.unfinish()
    return copy


class Jobs:
    """This study's jobs on the cluster."""

    def __init__(self, cluster, study):
        self.cluster = cluster
        self.prefix = job_prefix(study.paths)

    def running(self):
        """Return {job: node} of the jobs that run."""
        lines = self.cluster.call("squeue", "--noheader", "--states=RUNNING", "--format=%j|%i|%N").splitlines()
        rows = (line.split("|") for line in lines)
        return {job: node for name, job, node in rows if name.startswith(self.prefix)}

    def left(self):
        """Return what is pending, running or ending."""
        lines = self.cluster.call("squeue", "--noheader", "--format=%j").splitlines()
        return [line for line in lines if line.startswith(self.prefix)]

    def ends(self):
        """Return how each job ended, as the accounting has it."""
        lines = self.cluster.call("sacct", "-X", "-n", "-P", "-o", "JobName%100,State").splitlines()
        return [line.split("|")[1].split()[0] for line in lines if line.startswith(self.prefix)]


def on(profile, **more):
    return ("--cluster", "slurm", "--account", "lab", "--partition", "main", "--profile", profile(**more))


def finish(head):
    said, _ = head.communicate(timeout=600)
    assert head.returncode == 0, said
    return said


def test_a_node_that_crashes(cluster, study, pair, profile):
    """SLURM requeues the job behind the executor's back unless told not to, and all later submissions fail."""
    jobs = Jobs(cluster, study)
    head = study.start(*on(profile), env=cluster.environment)
    wait_for(jobs.running, head, "a job runs")
    node = next(iter(jobs.running().values()))
    cluster.kill_node(node)
    try:
        second = study.run("--cores", "1", env=cluster.environment, code=2)
        assert "is being run already by root on" in second
        finish(head)
    finally:
        cluster.start_node(node)
    assert "NODE_FAIL" in jobs.ends()
    assert "REQUEUED" not in jobs.ends() and jobs.ends().count("COMPLETED") == 2
    assert tree_digests(study.results) == tree_digests(pair.results)
    assert is_clean(study)


def test_a_head_that_is_killed(cluster, study, pair, profile):
    """Its job goes on and would write beside that of the next run."""
    jobs = Jobs(cluster, study)
    head = study.start(*on(profile), env=cluster.environment)
    wait_for(jobs.running, head, "a job runs")
    kill_head(head)
    assert jobs.running(), "the job has survived its head"
    said = study.run("--cores", "2", env=cluster.environment)  # on this machine: the cluster's job must go all the same
    assert "cancelled 1 SLURM job(s)" in said
    assert "CANCELLED" in jobs.ends() and not jobs.left()
    assert tree_digests(study.results) == tree_digests(pair.results)
    assert is_clean(study)


def test_a_job_over_its_memory_while_the_controller_restarts(cluster, study, pair, profile):
    jobs = Jobs(cluster, study)
    little = {"cohort": {"mem_mb": "60 if attempt == 1 else 3000"}}
    head = study.start(*on(profile, **{"set-resources": little}), env=cluster.environment)
    wait_for(jobs.running, head, "a job runs")
    cluster.restart_controller()
    finish(head)
    # a job of which the killed controller had saved nothing is cancelled when it starts again
    assert sorted(set(jobs.ends()) - {"COMPLETED", "CANCELLED"}) in (["FAILED"], ["OUT_OF_MEMORY"])
    assert jobs.ends().count("COMPLETED") == 2
    assert tree_digests(study.results) == tree_digests(pair.results)


def test_a_job_that_somebody_cancels_is_tried_again(cluster, study, pair, profile):
    """The accounting says by whom, which the executor cannot read; a controller does the same to jobs it has lost."""
    jobs = Jobs(cluster, study)
    head = study.start(*on(profile), env=cluster.environment)
    wait_for(jobs.running, head, "a job runs")
    cluster.call("scancel", next(iter(jobs.running())))
    finish(head)
    assert jobs.ends().count("CANCELLED") == 1 and jobs.ends().count("COMPLETED") == 2
    assert tree_digests(study.results) == tree_digests(pair.results)


def test_a_session_that_ends_takes_its_jobs_along(cluster, study, profile):
    jobs = Jobs(cluster, study)
    head = study.start(*on(profile), env=cluster.environment)
    wait_for(jobs.running, head, "a job runs")
    head.send_signal(signal.SIGHUP)
    said, _ = head.communicate(timeout=120)
    assert head.returncode == 130, said
    assert not jobs.left()
    assert is_clean(study)
