"""Faults at length: what takes too long for every change."""

import random
import subprocess
import sys
import time

import pytest
import yaml

from braintwin.cli.cluster import job_prefix
from braintwin.io.digest import tree_digests
from pair_study import Study, copy_of, environment, is_clean, kill_head, new_study

# what guards a run and writes its files; that steps give the same bits has tests of its own on every change
CODE = [f"braintwin.{name}" for name in ("cli.guard", "cli.cluster", "cli.clock", "cli.workflow", "io.arrays")]
KILLS, STUDIES = 50, 10
SLOW = (
    '#!/bin/sh\ncase "$*" in *" cohort "*) [ -e {once} ] || {{ touch {once}; sleep 600; }};; esac\nexec {real} "$@"\n'
)


def test_fifty_kills(campaign, pair, tmp_path):
    """SIGKILL of the head at random moments of a study of two people, five in each of ten studies."""
    settings = {"kills": KILLS, "studies": STUDIES, "seed": 8}
    run = campaign("kills", claim="A run killed at any moment ends identical.", code=CODE, settings=settings)
    expected = tree_digests(pair.results)

    def same(study):
        return tree_digests(study.results) == expected and is_clean(study)

    def one(key):
        chance = random.Random(f"{settings['seed']}-{key}")
        study, kills, identical = new_study(tmp_path / key, pair.folder / "cohort"), 0, []
        while kills < KILLS // STUDIES:
            head = study.start()
            try:
                head.wait(chance.uniform(3, 45))
            except subprocess.TimeoutExpired:
                kill_head(head)
                kills += 1
            else:  # it ended first: the next kill is of a new study
                identical.append(same(study))
                study = new_study(tmp_path / f"{key}-{len(identical)}", pair.folder / "cohort")
        study.run()
        return {"kills": kills, "identical": all([*identical, same(study)])}

    found = [value for _, value in run.each([f"study-{i}" for i in range(STUDIES)], one)]
    passed = all(value["identical"] for value in found)
    run.finish(passed=passed, numbers={"kills": sum(v["kills"] for v in found), "studies": len(found)})
    assert passed, found


@pytest.mark.slurm
def test_a_job_over_its_time(campaign, cluster, pair, profile, tmp_path):
    """The first attempt sleeps past its limit of a minute, which SLURM enforces within another."""
    run = campaign("time-limit", claim="A job over its time is tried again with more.", code=CODE)
    study = copy_of(pair, tmp_path / "study")
    study.unfinish()
    real = study.folder / "bin"
    real.mkdir()
    shim = real / "braintwin"
    shim.write_text(SLOW.format(once=study.folder / "once", real=f"{sys.executable} -m braintwin"))
    shim.chmod(0o755)
    first = f"export PATH={real}:$PATH; "
    # as much memory each time: twice what a first attempt asks for is more than these nodes have
    asked = {"runtime": "1 if attempt == 1 else 15", "mem_mb": 2000}
    given = profile(**{"set-resources": {"cohort": asked}})
    began = time.monotonic()
    where = ["--cluster", "slurm", "--account", "lab", "--profile", given]
    said = study.run(*where, env=environment(**cluster.environment, BASH_ENV=str(_bash(real, first))))
    lines = cluster.call("sacct", "-X", "-n", "-P", "-o", "JobName%100,State").splitlines()
    ends = [line.split("|")[1] for line in lines if line.startswith(job_prefix(study.paths))]
    passed = "TIMEOUT" in ends and tree_digests(study.results) == tree_digests(pair.results)
    run.finish(passed=passed, numbers={"wall_s": round(time.monotonic() - began), "ends": sorted(ends)})
    assert passed, (ends, said)
    assert (study.folder / "once").exists()


def _bash(folder, text):
    """Write what bash reads before a job's command: the cohort's first `braintwin` hangs."""
    path = folder / "profile.sh"
    path.write_text(text + "\n")
    return path


@pytest.mark.slurm
def test_the_demo_cohort_on_slurm(campaign, cluster, profile, tmp_path):
    """The whole synthetic cohort of eight people: on this machine, and on the cluster."""
    run = campaign("demo-on-slurm", claim="The demo is identical on SLURM and on a laptop.", code=CODE)
    digests = []
    for name, where in (
        ("here", ["--cores", "2"]),
        ("slurm", ["--cluster", "slurm", "--account", "lab", "--profile", profile()]),
    ):
        study = Study(tmp_path / name)
        study.folder.mkdir()
        (study.folder / "config.yaml").write_text(yaml.safe_dump({"study": "pair"}))
        study.run(*where, env=cluster.environment | {"PYTHONPATH": environment()["PYTHONPATH"]}, timeout=7200)
        digests.append(tree_digests(study.results))
    differ = sorted(name for name in set(digests[0]) | set(digests[1]) if digests[0].get(name) != digests[1].get(name))
    run.finish(passed=not differ, numbers={"artefacts": len(digests[0]), "different": differ})
    assert not differ
