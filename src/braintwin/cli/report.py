"""``braintwin report``: the pages of a finished study written again, nothing fitted; and Snakemake's own report."""

import sys
from pathlib import Path

from braintwin.cli.guard import study_lock
from braintwin.cli.progress import Progress
from braintwin.cli.publish import write_manifest
from braintwin.cli.run import clear_away, run_target
from braintwin.cli.workflow import Machine, Workflow
from braintwin.config import Config, load_config
from braintwin.errors import BrainTwinError
from braintwin.io.records import read_nights, read_people
from braintwin.paths import StudyPaths


def write_report(config_path: Path | None, *, cores: int, archive: Path | None) -> int:
    """Write whatever page is missing or stale from the results that are there, and return the exit code.

    Parameters
    ----------
    config_path : path, optional
        The study's config; the embedded synthetic cohort where None.
    cores : int
        Cores to use.
    archive : path, optional
        Where Snakemake's own report goes, ``.zip`` or ``.html``: the pages and tables by category, with captions, the
        rules that made them, and how long each took.

    Raises
    ------
    BrainTwinError
        If the study has not been run as far as its rankings, or `archive` is of another kind.
    """
    config = load_config(config_path) if config_path else Config()
    paths = StudyPaths(Path("results") / config.study)
    if archive is not None and archive.suffix not in (".zip", ".html"):
        message = f"report: Snakemake's report is a .zip or a .html, got {archive.name}"
        raise BrainTwinError(message)
    rules = rules_of_pages(paths)
    with study_lock(paths, cores=cores) as left:
        clear_away(paths, left)
        code = run_target(config_path, config, paths, str(paths.cohort_page), cores=cores, rules=rules)
        if code:
            return code
        write_manifest(config, paths)
        if archive is not None:
            code = own_report(config_path, paths, archive)
    if not code:
        sys.stdout.write(f"{paths.cohort_page}\n" + (f"{archive}\n" if archive else ""))
    return code


def rules_of_pages(paths: StudyPaths) -> list[str]:
    """Return the rules that write pages; no other is allowed to run."""
    nights = read_nights(paths.nights) if paths.nights.is_file() else []
    members = {night.person for night in nights}
    people = [row for row in read_people(paths.people) if row.person in members] if nights else []
    unranked = [row.person for row in people if not paths.person(row.person, "rank").is_file()]
    if unranked or not people:
        who = f" ({unranked[0]} has no ranking)" if unranked else ""
        message = f"report: study {paths.root.name!r} has not been run to its rankings{who}; run `braintwin run` first"
        raise BrainTwinError(message)
    return [*sorted({f"pages_{row.batch}" for row in people}), "cohort"]


def own_report(config_path: Path | None, paths: StudyPaths, archive: Path) -> int:
    """Let Snakemake write its own report of the study; return its exit code."""
    progress = Progress(quiet=True)
    archive.parent.mkdir(parents=True, exist_ok=True)
    with (paths.root / "logs" / "report.log").open("w", encoding="utf-8") as log:
        workflow = Workflow(config_path, paths, Machine())
        code = workflow.follow(["--report", str(archive), "--", str(paths.cohort_page)], progress, log)
    if code:
        sys.stderr.write("".join(progress.tail))
    return code
