"""A whole study on a SLURM without accounting, whose configuration is not in the default place."""

import re

import pytest

from braintwin.io.digest import tree_digests
from pair_study import new_study
from slurm_cluster import DEFAULT_CONF

pytestmark = [pytest.mark.slurm, pytest.mark.slow]


@pytest.fixture(scope="module")
def on_slurm(bare, pair, profile, tmp_path_factory):
    """Return the study of two people, finished on the cluster, and what was said."""
    study = new_study(tmp_path_factory.mktemp("on-slurm"), pair.folder / "cohort")
    said = study.run("--cluster", "slurm", "--profile", profile(), env=bare.environment)
    return study, said


def test_results_are_those_of_the_laptop(on_slurm, pair):
    study, said = on_slurm
    assert "done in" in said
    assert tree_digests(study.results) == tree_digests(pair.results)


def test_it_asks_squeue_where_sacct_knows_nothing(on_slurm, bare):
    assert "Slurm accounting storage is disabled" in bare.call("sacct", "-X", "-n", check=False)
    ended = bare.call("squeue", "--noheader", "--states=all", "--format=%j %T").splitlines()
    ours = [line for line in ended if line.startswith("braintwin-pair-")]
    assert len(ours) >= 6  # two nights, two fits, one treatment, the cohort
    assert {line.split()[1] for line in ours} == {"COMPLETED"}


def test_jobs_find_a_cluster_that_only_slurm_conf_names(on_slurm, bare):
    assert not DEFAULT_CONF.exists()
    script = (on_slurm[0].results / "logs" / "slurm" / "bin" / "srun").read_text()
    assert f"SLURM_CONF={bare.conf}" in script


def job_of(path):
    """Return the SLURM job that wrote a log."""
    return re.search(r"SLURM job (\d+)", path.read_text(encoding="utf-8"))[1]


def test_short_steps_share_a_job(on_slurm):
    logs = on_slurm[0].results / "logs"
    for night in ("pair-01-1", "pair-03-1"):
        assert len({job_of(logs / step / f"{night}.log") for step in ("prepare", "features", "connect")}) == 1
    treatment = {job_of(p) for step in ("check", "simulate", "rank", "pages") for p in (logs / step).glob("*.log")}
    fits = {job_of(p) for step in ("fit-spectral", "fit-nights") for p in (logs / step).glob("*.log")}
    assert len(treatment) == 1
    assert len(fits) == 2


def test_every_log_begins_with_a_command_that_can_be_pasted(on_slurm):
    logs = on_slurm[0].results / "logs"
    for step in ("retrieve", "prepare", "features", "connect", "fit-spectral", "fit-nights", "check", "rank", "pages"):
        for path in (logs / step).glob("*.log"):
            lines = path.read_text(encoding="utf-8").splitlines()
            assert lines[0].startswith(f"$ braintwin step {step} ")
            assert re.fullmatch(r"# done in [\d.]+ s, [\d.]+ s of CPU", lines[-1])


def test_compile_caches_are_on_the_node(on_slurm):
    import os
    from pathlib import Path

    assert (Path(os.environ.get("TMPDIR", "/tmp")) / f"braintwin-{os.getuid()}" / "pytensor").is_dir()


def test_a_cluster_that_forgets_its_jobs_is_refused(on_slurm, bare, profile):
    text = bare.conf.read_text()
    bare.conf.write_text(text.replace("MinJobAge=300", "MinJobAge=60"))
    try:
        bare.call("scontrol", "reconfigure")
        said = on_slurm[0].run("--cluster", "slurm", "--profile", profile(), env=bare.environment, code=2)
        assert "forgets a finished job after 60 s" in said
    finally:
        bare.conf.write_text(text)
        bare.call("scontrol", "reconfigure")


def test_the_doctor_finds_the_cluster_and_a_node(on_slurm, bare):
    import json

    done = on_slurm[0].say("doctor", "--cluster", "slurm", "--json", env=bare.environment)
    found = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert found["SLURM"]["state"] == "ok" and "squeue" in found["SLURM"]["found"]
    assert found["node"]["state"] == "ok"
