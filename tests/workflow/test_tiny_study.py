"""The whole way once on a tiny study, and what must hold of any finished run.

One worker runs this file: its tests share one finished study, and some edit its clone and put it back.
"""

import os
import re
import zipfile

import pytest

from braintwin.io.digest import tree_digests
from tiny_study import braintwin, snakemake, write_config

pytestmark = [pytest.mark.slow]


def planned(done) -> dict[str, int]:
    """Return how often each rule would run, from a dry run."""
    assert done.returncode == 0, done.stdout + done.stderr
    return {m[1]: int(m[2]) for m in re.finditer(r"^(\w+)\s+(\d+)$", done.stdout + done.stderr, re.MULTILINE)}


def test_it_ends_with_the_path_of_the_cohort_page(tiny):
    assert tiny.done.stdout.strip().endswith("results/tiny/report/index.html")
    assert (tiny.results / "report" / "index.html").is_file()
    assert len(list((tiny.results / "report" / "people").glob("*.html"))) == 3


def test_a_progress_line_tells_what_is_running(tiny):
    assert re.search(r"\[ *\d+ s +\d+/\d+\] fit-spectral", tiny.done.stderr)


def test_nothing_is_left_to_do(tiny):
    again = braintwin(tiny.clone, tiny.study, "run", "--config", "config.yaml", "--dry-run")
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout
    assert not planned(again)


def test_the_report_alone_fits_nothing_and_snakemakes_own_holds_every_page_with_captions(tiny):
    fits = {path: path.stat().st_mtime_ns for path in tiny.results.glob("people/*/*.nc")}
    asked = ("report", "--config", "config.yaml", "--snakemake", "logs/own.zip")
    done = braintwin(tiny.clone, tiny.study, *asked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path: path.stat().st_mtime_ns for path in tiny.results.glob("people/*/*.nc")} == fits
    with zipfile.ZipFile(tiny.study / "logs" / "own.zip") as archive:
        inside = {name.rpartition("/")[2] for name in archive.namelist()}
        page = archive.read("own/report.html").decode()
    people = {path.name for path in tiny.results.glob("report/people/*.html")}
    assert inside == people | {"index.html", "quarantine.tsv", "report.html"}
    for words in ("Who is in the study and who is in quarantine", "What would help this person", "not a prescription"):
        assert words in page
    assert all(f'"{category}"' in page for category in ("People", "Cohort"))


def test_no_output_names_a_place_on_this_machine(tiny):
    secret = [str(tiny.study).encode(), str(tiny.clone).encode()]
    for path in tiny.results.rglob("*"):
        if path.is_file() and "logs" not in path.parts:
            content = path.read_bytes()
            assert not any(s in content for s in secret), path.name


def test_every_artefact_is_stamped(tiny):
    import xarray as xr

    for path in [*tiny.results.rglob("people/*/*.nc"), *tiny.results.rglob("nights/*/*.nc")]:
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            assert {"braintwin_version", "code", "options", "inputs", "seed"} <= set(tree.attrs), path.name


def edited(path, old, new):
    """Change a file's text and return what it was."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text


def test_a_comment_edit_reruns_nothing(tiny):
    path = tiny.clone / "src" / "braintwin" / "signals" / "spectra.py"
    text = path.read_text(encoding="utf-8")
    try:
        path.write_text(text + "\n# a remark that changes nothing\n", encoding="utf-8")
        assert not planned(snakemake(tiny.clone, tiny.study, "--configfile", "config.yaml", "--dry-run"))
    finally:
        path.write_text(text, encoding="utf-8")


def test_an_edit_in_a_transitively_imported_module_reruns_exactly_the_dependent_rules(tiny):
    from braintwin.cli.step import STEPS, step_module
    from braintwin.provenance import _module

    target = "braintwin.treatment.utility"
    dependent = set()
    for step in STEPS:
        seen, queue = set(), [step_module(step)]
        while queue:
            name = queue.pop()
            found = _module(name)
            if name not in seen and found:
                seen.add(name)
                queue.extend(found[1])
        if target in seen:
            dependent.add(step.replace("-", "_"))
    assert "rank" in dependent and "fit_spectral" not in dependent
    path = tiny.clone / "src" / "braintwin" / "treatment" / "utility.py"
    text = path.read_text(encoding="utf-8")
    try:
        path.write_text(text + "\n_UNUSED = 1\n", encoding="utf-8")
        done = snakemake(tiny.clone, tiny.study, "--configfile", "config.yaml", "--dry-run")
        rerun = {re.sub(r"_synthetic\w*$", "", rule) for rule in planned(done)} - {"total", "all"}
    finally:
        path.write_text(text, encoding="utf-8")
    # Rules below a rerun one follow it; those above or beside must not.
    follow = {"rank": {"pages", "cohort"}, "simulate": {"rank", "pages", "cohort"}, "pages": {"cohort"}}
    expected = dependent.union(*(follow.get(step, set()) for step in dependent))
    assert rerun == expected


def test_an_option_reruns_its_step_and_what_follows(tiny):
    write_config(tiny.study, rank={"null_permutations": 21})
    try:
        done = snakemake(tiny.clone, tiny.study, "--configfile", "config.yaml", "--dry-run")
        rerun = {re.sub(r"_synthetic\w*$", "", rule) for rule in planned(done)} - {"total", "all"}
    finally:
        write_config(tiny.study)
    assert rerun == {"rank", "pages", "cohort"}


def test_another_dataset_under_the_same_name_is_indexed_again(tiny):
    """An index of what lay there before would be kept for ever, and `publish` refuse it."""
    path = tiny.results / "datasets" / "synthetic.json"
    text, times = path.read_text(encoding="utf-8"), path.stat()
    try:
        path.write_text(text.replace('"version": ""', '"version": "2"'), encoding="utf-8")
        again = planned(snakemake(tiny.clone, tiny.study, "--configfile", "config.yaml", "--dry-run"))
        assert "index" in again
        assert "retrieve" not in again
    finally:
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not planned(snakemake(tiny.clone, tiny.study, "--configfile", "config.yaml", "--dry-run"))


def test_digests_do_not_change_by_being_read(tiny):
    assert tree_digests(tiny.results) == tree_digests(tiny.results)
