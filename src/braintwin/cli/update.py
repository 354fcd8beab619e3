"""``braintwin update``: a new night for one twin, and the history of its versions."""

import sys
from pathlib import Path

from braintwin.cli.guard import study_lock
from braintwin.cli.run import clear_away, run_target
from braintwin.cli.workflow import workflow_root
from braintwin.config import Config, load_config
from braintwin.contracts.prepare import PREPARED
from braintwin.contracts.tables import PersonRow
from braintwin.errors import BrainTwinError, did_you_mean
from braintwin.io.arrays import read_dataset
from braintwin.io.records import read_nights, read_people, read_status
from braintwin.io.versions import Version, faults, read_history, versions_of
from braintwin.paths import StudyPaths


def update_twin(config_path: Path | None, person: str, *, night: str | None, hypnogram: Path | None, cores: int) -> int:
    """Give the twin of `person` one more night and return the exit code.

    Parameters
    ----------
    config_path : path, optional
        The study's config; the embedded synthetic cohort where None.
    person : str
        Identifier of the person.
    night : str, optional
        A night of the study's datasets; what is not indexed or prepared yet is, and nothing else runs.
    hypnogram : path, optional
        An events table outside the datasets, in its place; it is read as the person's dataset is.
    cores : int
        Cores for what must be prepared.
    """
    from braintwin.steps import update

    config = load_config(config_path) if config_path else Config()
    paths = StudyPaths(Path("results") / config.study)
    if (night is None) == (hypnogram is None):
        message = "update: expected one of --night and --hypnogram; see braintwin update --help"
        raise BrainTwinError(message)
    row = find_person(paths, person)
    twin = paths.person(person, "night")
    update.whole_twin(twin, person)
    with study_lock(paths) as left:
        clear_away(paths, left)
        if hypnogram is not None:
            prepared = update.from_scoring(hypnogram, row, config.datasets[row.dataset], config.prepare)
        else:
            assert night is not None
            code = prepare_night(config_path, config, paths, person, night, cores)
            if code:
                return code
            prepared = read_dataset(paths.night(night, "prepare"), PREPARED)
        before, after = update.run(
            person=row,
            twin=twin,
            prepared=prepared,
            population=bundled(config.population),
            seed=config.seed,
            options=config.fit_nights,
        )
    sys.stdout.write(
        f"{person}: version {after.version} has seen {len(after.saw)} night(s), version {before.version} "
        f"{len(before.saw)}; `braintwin run` ranks with it\n"
    )
    return 0


def find_person(paths: StudyPaths, person: str) -> PersonRow:
    """Return the row of a person of the study."""
    rows = {row.person: row for row in (read_people(paths.people) if paths.people.is_file() else [])}
    if person not in rows:
        message = f"update: nobody called {person!r} in study {paths.root.name!r}{did_you_mean(person, rows)}"
        raise BrainTwinError(message)
    return rows[person]


def prepare_night(
    config_path: Path | None, config: Config, paths: StudyPaths, person: str, night: str, cores: int
) -> int:
    """See that a night of the datasets is indexed and prepared; return the exit code of what that took."""
    target = paths.night(night, "prepare")
    if not any(row.night == night for row in read_nights(paths.nights)):
        code = run_target(config_path, config, paths, "index", cores=cores)
        if code:
            return code
    rows = {row.night: row for row in read_nights(paths.nights)}
    if night not in rows:
        message = f"update: no night {night!r} in study {paths.root.name!r}{did_you_mean(night, rows)}"
        raise BrainTwinError(message)
    if rows[night].person != person:
        message = f"update: {night} is a night of {rows[night].person}, not of {person}"
        raise BrainTwinError(message)
    if not target.is_file():
        code = run_target(config_path, config, paths, str(target), cores=cores)
        if code:
            return code
    status = read_status(target)
    if status.state != "ok":
        message = f"update: {night} was refused by prepare: {status.reason}"
        raise BrainTwinError(message)
    return 0


def bundled(path: str) -> Path:
    """Return a file of the study, or the one that comes with the workflow."""
    return Path(path) if Path(path).is_file() else workflow_root() / path


def show_history(config_path: Path | None, person: str) -> int:
    """Print every version of a twin with what it saw, and whether the history is whole; 2 where it is not."""
    config = load_config(config_path) if config_path else Config()
    paths = StudyPaths(Path("results") / config.study)
    find_person(paths, person)
    folder = versions_of(paths.person(person, "night"))
    lines = read_history(folder)
    if not lines:
        sys.stdout.write(f"{person}: no version yet; the first update keeps the twin before and after it\n")
        return 0
    for line, before in zip(lines, [None, *lines]):
        sys.stdout.write(_told(line, before) + "\n")
    broken = faults(folder)
    for fault in broken:
        sys.stderr.write(f"{person}: {fault}\n")
    if not broken:
        sys.stdout.write(f"whole; last digest {lines[-1].digest}\n")
    return 2 if broken else 0


def _told(line: Version, before: Version | None) -> str:
    known = before.saw if before is not None else {}
    new = [name for name in line.saw if name not in known]
    gone = [name for name in known if name not in line.saw]
    told = f"{line.version:4}  {line.made_by:10}  twin {line.twin[:12]}  population {line.population}"
    return f"{told}  {len(line.saw)} night(s)" + _list(" new:", new) + _list(" gone:", gone)


def _list(word: str, names: list[str]) -> str:
    return f"{word} {', '.join(names)}" if names else ""
