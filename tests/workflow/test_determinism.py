"""The same results for one thread or more, and in whatever order nights and people come."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from braintwin.digest import lasting_digest
from braintwin.io.records import read_nights, read_people
from braintwin.paths import StudyPaths
from braintwin.review import manifest
from braintwin.review.chain import chained
from tiny_study import TINY, environment

pytestmark = [pytest.mark.slow]


def step(tiny, folder, *words: str, threads: int | None = None) -> None:
    """Carry out a step in `folder`, in a process with that many threads of BLAS and numba."""
    count = str(threads or 1)
    pinned = {
        name: count for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    }
    done = subprocess.run(
        [sys.executable, "-m", "braintwin", "step", *words, *(["--threads", count] if threads else [])],
        cwd=tiny.study, env={**os.environ, **environment(tiny.clone), **pinned}, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def people_json(tiny, *, reverse: bool) -> str:
    rows = read_people(StudyPaths(tiny.results).people)
    return json.dumps([row.model_dump() for row in (reversed(rows) if reverse else rows)])


def as_options(tiny, section: str) -> str:
    return json.dumps(TINY.get(section, {}))


def files(tiny, pattern: str) -> list[str]:
    return [str(path) for path in sorted(tiny.results.glob(pattern), reverse=True)]


def test_fits_are_the_same_with_two_threads_and_people_and_nights_in_reversed_order(tiny, tmp_path):
    people = sorted((path.name for path in (tiny.results / "people").iterdir()), reverse=True)
    seed = str(json.loads((tiny.results / "manifest.json").read_text())["seed"])
    made = {p: tmp_path / "people" / p for p in people}
    step(
        tiny, tmp_path, "fit-nights", "--people", people_json(tiny, reverse=True), "--prepare",
        *files(tiny, "nights/*/prepare.nc"), "--features", "--population",
        str(tiny.clone / "src/braintwin/data/population.nc"), "--night",
        *(str(made[p] / "night.nc") for p in people), "--seed", seed, "--options", as_options(tiny, "fit_nights"),
        threads=2,
    )  # fmt: skip
    for p in people:
        assert lasting_digest(made[p] / "night.nc") == lasting_digest(tiny.results / "people" / p / "night.nc")


def test_the_connectome_is_the_same_with_one_and_two_threads(tiny, tmp_path):
    night = sorted((tiny.results / "nights").iterdir())[0]
    for threads in (1, 2):
        step(
            tiny, tmp_path, "connect", "--prepare", str(night / "prepare.nc"), "--epochs",
            str(night / "epochs.zarr.zip"),
            "--connect", str(tmp_path / str(threads) / night.name / "connect.nc"), "--options",
            as_options(tiny, "connect"), threads=threads,
        )  # fmt: skip
    one, two = (xr.open_dataset(tmp_path / n / night.name / "connect.nc", engine="h5netcdf").load() for n in ("1", "2"))
    for name in one.data_vars:
        if one[name].dtype.kind == "f":
            # Threads share the sum over epochs in another order: the last bits of a double may differ.
            np.testing.assert_allclose(one[name], two[name], rtol=1e-9, atol=1e-12, err_msg=str(name))
        else:
            assert one[name].equals(two[name]), name


def test_simulated_nights_and_rankings_are_the_same_for_people_one_by_one(tiny, tmp_path):
    study = StudyPaths(tiny.results)
    seed = str(json.loads((tiny.results / "manifest.json").read_text())["seed"])
    person = read_people(study.people)[-1]
    library = str(tiny.clone / "config" / "treatments.yaml")
    given = [str(study.person(person.person, name, end)) for name, end in (("night", ".nc"), ("check", ".json"))]
    out = tmp_path / "people" / person.person
    step(
        tiny, tmp_path, "simulate", "--people", json.dumps([person.model_dump()]), "--night", given[0], "--check",
        given[1], "--treatments", library, "--population", str(tiny.clone / "src/braintwin/data/population.nc"),
        "--simulate", str(out / "simulate.nc"), "--seed", seed, "--options", as_options(tiny, "simulate"),
    )  # fmt: skip
    step(
        tiny, tmp_path, "rank", "--simulate", str(out / "simulate.nc"), "--check", given[1], "--treatments", library,
        "--rank", str(out / "rank.nc"), "--seed", seed, "--options", as_options(tiny, "rank"),
    )  # fmt: skip
    for name in ("simulate", "rank"):
        assert lasting_digest(out / f"{name}.nc") == lasting_digest(study.person(person.person, name))


def test_the_run_ends_with_a_manifest_that_has_nothing_to_complain_of(tiny):
    sealed = manifest.read(tiny.results / "manifest.json")
    assert sealed["problems"] == []
    assert manifest.broken(sealed) == ""
    paths = {entry["path"] for entry in sealed["entries"]}
    assert {f"nights/{row.night}/epochs.zarr.zip" for row in read_nights(StudyPaths(tiny.results).nights)} <= paths
    assert {"index/nights.tsv", "cohort/summary.tsv", "report/index.html", "datasets/synthetic.json"} <= paths
    for entry in sealed["entries"]:
        assert entry["code"] and entry["options"] and entry["step"], entry["path"]
    assert str(tiny.study) not in json.dumps(sealed)


def test_a_result_that_was_exchanged_after_the_run_is_a_problem_of_the_manifest(tiny, tmp_path):
    import shutil

    from braintwin.config import parse_config
    from braintwin.review.entries import survey

    copy = StudyPaths(shutil.copytree(tiny.results, tmp_path / "tiny"))
    one, two = sorted(path.parent.name for path in copy.root.glob("people/*/night.nc"))[:2]
    shutil.copyfile(copy.person(one, "night"), copy.person(two, "night"))
    assert any(f"people/{two}/simulate.nc: made from another {two}/night.nc" in text for text in survey(copy).problems)
    other = parse_config({**TINY, "rank": {**TINY["rank"], "mcid": 7.0}})
    found = survey(copy)
    entries, _ = chained({}, found.entries)
    said = manifest.disagreements(manifest.published_config(other), found.options, entries)
    assert [text for text in said if text.startswith("rank.mcid: the config says 7.0")]
