"""The lock of a study, clocks, the threads and caches of a job, the doctor."""

import fcntl
import json
import os
import subprocess
import sys
import time

import pytest

from braintwin.cli import guard, machine
from braintwin.cli.clock import refuse_recordings, settle_results
from braintwin.cli.doctor import doctor
from braintwin.contracts.tables import DatasetRecord, NightRow
from braintwin.errors import BrainTwinError
from braintwin.io.records import write_json, write_nights
from braintwin.paths import StudyPaths


@pytest.fixture
def paths(tmp_path):
    return StudyPaths(tmp_path / "results" / "s")


def test_two_runs_of_one_study_are_kept_apart_and_the_first_is_named(paths):
    with guard.study_lock(paths, "local", 2):
        assert guard.is_locked(paths)
        with pytest.raises(BrainTwinError, match=rf"being run already by .+ \(process {os.getpid()}\)"):  # noqa: SIM117
            with guard.study_lock(paths, "local", 2):
                pass
    assert not guard.is_locked(paths)
    with guard.study_lock(paths, "local", 2) as left:
        assert left is None


def test_what_a_killed_run_left_is_found(paths):
    code = (
        "import os, signal; from braintwin.cli.guard import study_lock; from braintwin.paths import StudyPaths\n"
        f"with study_lock(StudyPaths({str(paths.root)!r}), 'slurm', 1): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert not guard.is_locked(paths)
    with guard.study_lock(paths, "local", 2) as left:
        assert left is not None and left.where == "slurm"
    assert guard.read_holder(paths) is None


def test_a_full_disk_is_refused_before_anything_is_written(paths, monkeypatch):
    usage = type("usage", (), {"free": 5e6})
    monkeypatch.setattr(guard.shutil, "disk_usage", lambda place: usage)
    with pytest.raises(BrainTwinError, match="has 5 MB left"), guard.study_lock(paths, "local", 1):
        pass


def test_processes_of_a_killed_run_are_ended_but_not_those_in_slurm_jobs(paths):
    paths.root.mkdir(parents=True)
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    mark = {guard.MARK: guard.mark(paths, "slurm", "r1")}
    orphan = subprocess.Popen(sleep, env=os.environ | mark)
    job = subprocess.Popen(sleep, env=os.environ | mark | {"SLURM_JOB_ID": "5"})
    other = subprocess.Popen(sleep, env=os.environ | {guard.MARK: guard.mark(StudyPaths("/x"), "local", "r1")})
    try:
        time.sleep(0.2)
        assert guard.end_orphans(paths) == 1
        assert orphan.poll() is not None
        assert job.poll() is None and other.poll() is None
    finally:
        for process in (orphan, job, other):
            process.kill()
            process.wait()


def test_what_is_half_written_is_swept_and_nothing_else(paths):
    folder = paths.root / "people" / "lab-1"
    (folder / ".night.nc.12-ab.part").mkdir(parents=True)
    (folder / ".spectral.nc.12-cd.part").write_text("half")
    (folder / "spectral.nc").write_text("whole")
    (folder / "counter.part").write_text("a name that a person gave")
    assert guard.sweep(paths) == 2
    assert sorted(path.name for path in folder.iterdir()) == ["counter.part", "spectral.nc"]


def test_results_from_the_future_get_the_time_of_now_in_their_order(paths):
    files = [paths.night("n", step) for step in ("prepare", "features")]
    for number, path in enumerate(files):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (time.time() + 9000 + number,) * 2)
    assert settle_results(paths) == 2
    first, second = (path.stat().st_mtime for path in files)
    assert first < second <= time.time()
    assert settle_results(paths) == 0


def test_a_recording_from_the_future_is_refused_by_name(paths, tmp_path):
    for table in (paths.nights, paths.dataset_record("d")):
        table.parent.mkdir(parents=True, exist_ok=True)
    night = NightRow(night="d-1", person="d-1", dataset="d", bids_path="", signal="a.edf", has_eeg=True)
    write_nights(paths.nights, [night])
    write_json(paths.dataset_record("d"), DatasetRecord(name="d", root=str(tmp_path), kind="local", source="."))
    (tmp_path / "a.edf").touch()
    refuse_recordings(paths)
    os.utime(tmp_path / "a.edf", (time.time() + 9000,) * 2)
    with pytest.raises(BrainTwinError, match=r"a\.edf"):
        refuse_recordings(paths)


def test_a_step_owns_its_threads_whatever_the_shell_says():
    code = (
        "import os; from braintwin.cli import machine; machine.own_threads(2)\n"
        "import numpy; numpy.ones((9, 9)) @ numpy.ones((9, 9)); machine.check_threads(2)\n"
        "print(os.environ['NUMBA_NUM_THREADS'], [n for _, n in machine.blas_threads()])"
    )
    loud = os.environ | {name: "7" for name in machine.BLAS_VARIABLES}
    done = subprocess.run([sys.executable, "-c", code], env=loud, capture_output=True, text=True, check=True)
    assert done.stdout.split(" ", 1)[0] == "2"
    assert set(json.loads(done.stdout.split(" ", 1)[1])) == {1}


def test_a_blas_that_was_loaded_too_wide_is_a_bug():
    code = "import numpy; from braintwin.cli import machine; machine.own_threads(1); machine.check_threads(1)"
    loud = os.environ | {name: "2" for name in machine.BLAS_VARIABLES}
    done = subprocess.run([sys.executable, "-c", code], env=loud, capture_output=True, text=True, check=False)
    assert "BLAS has more than one thread" in done.stderr


def test_caches_are_on_the_node_in_jobs_only(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.tempfile, "gettempdir", lambda: str(tmp_path))
    assert machine.node_caches({}) is None
    job = {"SLURM_JOB_ID": "1", "PYTENSOR_FLAGS": "floatX=float64"}
    folder = machine.node_caches(job)
    assert folder is not None and folder.parent == tmp_path and folder.stat().st_mode & 0o077 == 0
    assert job["PYTENSOR_FLAGS"] == f"floatX=float64,base_compiledir={folder / 'pytensor'}"
    assert job["NUMBA_CACHE_DIR"] == str(folder / "numba")


def test_pytensor_may_not_reorder_sums_nor_share_compiled_code():
    flags = {"PYTENSOR_FLAGS": "floatX=float64"}
    machine.same_bits(flags)
    machine.same_bits(flags)
    assert flags == {"PYTENSOR_FLAGS": "floatX=float64,numba__fastmath=False,numba__cache=False"}
    code = "import pytensor; print(pytensor.config.numba__fastmath or pytensor.config.numba__cache)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | flags, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_a_cache_that_others_can_write_to_is_refused(tmp_path):
    (tmp_path / f"braintwin-{os.getuid()}").mkdir()
    (tmp_path / f"braintwin-{os.getuid()}").chmod(0o777)
    with pytest.raises(BrainTwinError, match="only you can write"):
        machine.node_caches({machine.CACHE_VARIABLE: str(tmp_path)})


def test_the_doctor_says_what_is_there_and_what_to_do(tmp_path, monkeypatch):
    text, code = doctor(tmp_path, on_cluster=False, as_json=True)
    found = json.loads(text)
    names = [finding["name"] for finding in found["findings"]]
    assert {"python", "lock", "BLAS", "compiler", "memory", "disk", "SLURM"} <= set(names)
    assert found["code"] == code == int(any(f["state"] == "fail" for f in found["findings"]))
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(37, "No locks available")))
    text, code = doctor(tmp_path, on_cluster=False, as_json=False)
    assert code == 1 and "fail  writing and locking" in text and "No locks available" in text
