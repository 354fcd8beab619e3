"""What goes wrong on one machine: each time the study ends with the results of the undisturbed run."""

import os
import random
import shutil
import subprocess
import sys
import time

import pytest

from braintwin.io.digest import tree_digests
from pair_study import ROOT, copy_of, environment, is_clean, kill_head, new_study, wait_for

pytestmark = [pytest.mark.slow]

KILLS = 5
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk, which needs root")


@pytest.fixture
def small_disk(tmp_path):
    """Mount a small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place):
    """Leave no byte free."""
    with (place / "filler").open("wb", buffering=0) as handle:
        try:
            while True:
                handle.write(b"\0" * 65536)
        except OSError:
            pass


def test_heads_killed_at_random_moments(pair, tmp_path):
    """SIGKILL leaves no time for anything; what is done stays, what is half done is not seen."""
    study = new_study(tmp_path, pair.folder / "cohort")
    chance = random.Random(20261122)
    for _ in range(KILLS):
        head = study.start()
        try:
            head.wait(chance.uniform(4, 30))
        except subprocess.TimeoutExpired:
            kill_head(head)
    study.run()
    assert tree_digests(study.results) == tree_digests(pair.results)
    assert is_clean(study)


@needs_root
def test_a_disk_that_fills_up(pair, small_disk):
    study = copy_of(pair, small_disk)
    study.unfinish()
    fill(small_disk)
    assert "MB left; free at least" in study.run(code=2)
    (small_disk / "filler").unlink()
    head = study.start()
    wait_for(lambda: list(study.results.glob("people/*/check.json")), head, "check is done")
    fill(small_disk)
    said, _ = head.communicate(timeout=300)
    assert head.returncode == 2, said
    assert "is full" in said or "No space left on device" in said
    (small_disk / "filler").unlink()
    study.run()
    assert tree_digests(study.results) == tree_digests(pair.results)
    assert is_clean(study)


@needs_root
def test_results_that_become_read_only(pair, small_disk):
    study = copy_of(pair, small_disk)
    study.unfinish()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert "cannot be written (Read-only file system)" in study.run(code=2)
    assert "pair: unfinished" in study.say("status", "results/pair").stdout
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    study.run()
    assert tree_digests(study.results) == tree_digests(pair.results)


def test_clocks_and_locales(pair, tmp_path):
    """Results of a machine whose clock ran a day fast, in a shell that knows ASCII only, far east."""
    study = copy_of(pair, tmp_path / "study")
    study.unfinish()
    tomorrow = time.time() + 86400
    for path in study.results.glob("people/*/night.nc"):
        os.utime(path, (tomorrow, tomorrow))
    odd = {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "TZ": "Pacific/Kiritimati"}
    said = study.run(env=environment(**odd))
    assert "2 result(s) came from the future" in said
    assert tree_digests(study.results) == tree_digests(pair.results)
    assert "Nothing to be done" in study.run("--dry-run")


@pytest.fixture
def lab(tmp_path_factory):
    """Return a folder of a lab's group, and two of its members; python is where both can reach it."""
    if os.getuid() != 0 or not shutil.which("useradd"):
        pytest.skip("makes two users, which needs root and useradd")
    folder = tmp_path_factory.mktemp("lab")
    closed = [place for place in (folder, *folder.parents) if place.stat().st_mode & 0o005 != 0o005]
    for place in closed:
        place.chmod(0o755)
    group, users = "btlab", ("btana", "btben")
    subprocess.run(["groupadd", "--force", group], check=True)
    for user in users:
        subprocess.run(["useradd", "--gid", group, "--create-home", user], check=True)
    python = folder / "python"
    python.mkdir()
    subprocess.run(["mount", "--bind", sys.base_prefix, str(python)], check=True)
    try:
        yield folder, python / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}", users, group
    finally:
        subprocess.run(["umount", "--lazy", str(python)], check=True)
        for user in users:
            subprocess.run(["userdel", "--remove", user], check=False, capture_output=True)
        subprocess.run(["groupdel", group], check=False, capture_output=True)


def test_two_people_of_one_lab(pair, lab):
    """One runs, the other reads; a dataset is shared read-only; nobody runs in a folder that is being run."""
    folder, python, (ana, ben), group = lab
    packages = [path for path in sys.path if path.endswith("site-packages")]

    programs = folder / "bin"
    programs.mkdir()
    (programs / "braintwin").write_text(f'#!/bin/sh\nexec {python} -m braintwin "$@"\n')
    (programs / "braintwin").chmod(0o755)

    def act(user, place, *arguments, module="braintwin"):
        words = ["umask 027; cd", str(place), "&&", "exec", str(python), "-m", module, *arguments]
        home = {"HOME": f"/home/{user}", "PATH": f"{programs}:/usr/bin:/bin", "BRAINTWIN_CACHE": f"/home/{user}"}
        path = os.pathsep.join([environment()["PYTHONPATH"], *packages])
        return subprocess.Popen(
            ["runuser", "-u", user, "--", "env", f"PYTHONPATH={path}", *(f"{k}={v}" for k, v in home.items()),
             "sh", "-c", " ".join(words)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def said(process, code):
        text, _ = process.communicate(timeout=300)
        assert process.returncode == code, text
        return text

    shared = copy_of(pair, folder / "shared")
    subprocess.run(["chown", "-R", f"{ana}:{group}", str(shared.folder)], check=True)
    subprocess.run(["chmod", "-R", "u=rwX,g=rX,o=", str(shared.folder)], check=True)
    assert "pair: finished" in said(act(ben, shared.folder, "status", "results/pair"), 0)
    assert "rank.nc" in said(act(ben, shared.folder, "digest", "results/pair"), 0)
    assert "cannot be written (Permission denied)" in said(act(ben, shared.folder, "run", "--config", "config.yaml"), 2)

    subprocess.run(["chmod", "-R", "g+w", str(shared.folder / "results")], check=True)
    head = act(ana, shared.folder, "run", "--config", "config.yaml", "--dry-run")
    wait_for(lambda: (shared.results / ".lock").read_text(), head, "the study is held")
    assert f"is being run already by {ana} on" in said(act(ben, shared.folder, "run", "--config", "config.yaml"), 2)
    said(head, 0)

    own = folder / "own"
    own.mkdir()
    text = (shared.folder / "config.yaml").read_text().replace("source: cohort", f"source: {shared.folder}/cohort")
    (own / "config.yaml").write_text(text)
    for path in (own, own / "config.yaml"):
        shutil.chown(path, ben, group)
    subprocess.run(["chmod", "-R", "a-w", str(shared.folder / "cohort")], check=True)
    before = tree_digests(shared.folder / "cohort")
    workflow = ["--snakefile", str(ROOT / "Snakefile"), "--cores", "1", "--configfile", "config.yaml", "--", "index"]
    said(act(ben, own, *workflow, module="snakemake"), 0)
    index = "results/pair/index/nights.tsv"
    assert (own / index).read_text() == (shared.folder / index).read_text()
    assert tree_digests(shared.folder / "cohort") == before
