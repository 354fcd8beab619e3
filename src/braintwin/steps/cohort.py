"""Write the cohort's page, its summary and the list of what was refused."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import xarray as xr

from braintwin.contracts.check import PersonCheck
from braintwin.contracts.rank import RANKING
from braintwin.contracts.tables import QUARANTINE_COLUMNS, DatasetRecord, NightRow, Status
from braintwin.io.arrays import atomic, write_text
from braintwin.io.groups import read_attributes, read_groups_of, read_quickly
from braintwin.io.library import read_library
from braintwin.io.records import read_json, read_nights, read_people, read_table, write_table
from braintwin.options.pages import PagesOptions
from braintwin.paths import NIGHT_STEPS, PERSON_STEPS, StudyPaths, owner
from braintwin.report.cohort import Cohort, cohort_page
from braintwin.report.member import SUMMARY_COLUMNS, Member, summary_row
from braintwin.report.tidy import EMPTY, TABLES, tables
from braintwin.report.trials import agreement_with_trials
from braintwin.steps.cohort_connectome import cohort_connectome

_FAULTS = ("excluded", "failed")
Records = Mapping[str, Mapping[str, Status]]


def run(
    *,
    nights: Path,
    people: Path,
    refused: Path,
    records: list[Path],
    treatments: Path,
    quarantine: Path,
    page: Path,
    summary: Path,
    options: PagesOptions,
) -> None:
    """Write `quarantine` (TSV), `summary` (TSV) and `page` (HTML).

    The artefacts of nights and people are found beside the tables that name them: a large cohort's would not fit on
    a command line.
    """
    library = read_library(treatments)  # one that cannot be read would have ranked nothing: say so here, in one line
    study = StudyPaths(nights.parent.parent)
    rows, early = read_nights(nights), read_table(refused)
    known = {row.person for row in rows} | {row["person"] for row in early}
    persons = [row for row in read_people(people) if row.person in known]
    fitted = [row.person for row in persons if any(night.person == row.person for night in rows)]
    check = [study.person(name, "check", ".json") for name in fitted]
    night = [study.person(name, "night") for name in fitted]
    rank = [study.person(name, "rank") for name in fitted]
    status = [study.night(row.night, step, ".status.json") for row in rows for step in NIGHT_STEPS]
    status += [study.person(name, step, ".status.json") for name in fitted for step in PERSON_STEPS]
    statuses = read_statuses(path for path in status if path.is_file())
    lost = [*early, *refused_nights(rows, statuses)]
    fallen = refused_people([p.person for p in persons], statuses)
    write_table(quarantine, QUARANTINE_COLUMNS, [*lost, *fallen])

    checks = {owner(path): read_json(path, PersonCheck) for path in check}
    twins = {owner(path): read_groups_of(path, ("observed_data", "posterior_predictive")) for path in night}
    rankings = {owner(path): read_quickly(path, RANKING) for path in rank}
    found = Counter([row.person for row in rows] + [row["person"] for row in early])
    gone = Counter(row["person"] for row in lost)
    why = {row["person"]: row["reason"] for row in reversed(fallen)}
    members = []
    for person in persons:
        name = person.person
        ranking = rankings.get(name)
        failed = name in checks and checks[name].verdict == "fail"
        usable = ranking is not None and bool(ranking.sizes["treatment"]) and not failed
        reason = "" if usable else why.get(name, "") or _said(ranking, checks.get(name))
        members.append(
            Member(
                person=person,
                nights=(found[name], found[name] - gone[name], gone[name]),
                check=checks.get(name),
                observed=twins.get(name, {}).get("observed_data", xr.Dataset()),
                predicted=twins.get(name, {}).get("posterior_predictive", xr.Dataset()),
                ranking=ranking if usable else None,
                reason=reason,
                twin=read_attributes(study.person(name, "night"), "posterior") if name in twins else {},
                links={
                    step: _relative(path, page)
                    for step in ("night", "spectral", "simulate", "rank")
                    if (path := study.person(name, step)).is_file()
                },
            )
        )
    graphs = cohort_connectome(study, rows, statuses, summary.parent / "connectome.nc", options)
    write_table(summary, SUMMARY_COLUMNS, [summary_row(member) for member in members])
    cohort = Cohort(
        members=members,
        quarantine=[*lost, *fallen],
        records=[read_json(path, DatasetRecord) for path in sorted(records, key=lambda p: Path(p).name)],
        found=len(rows) + len(early),
        used=len(rows) - len(lost) + len(early),
        trials=agreement_with_trials(library),
        links={"summary": _relative(summary, page), "quarantine": _relative(quarantine, page)},
        tables=[
            (name, _relative(csv, page), _relative(parquet, page))
            for name, (csv, parquet) in write_tables(
                summary.parent / "tables", members, [*lost, *fallen], graphs
            ).items()
        ],
        connectome=graphs,
    )
    write_text(page, cohort_page(cohort, options))


def write_tables(
    folder: Path, members: Sequence[Member], quarantine: Sequence[dict[str, str]], connectome: xr.Dataset
) -> dict[str, tuple[Path, Path]]:
    """Write every tidy table of the cohort as CSV and as Parquet, and return both paths by name."""
    import pandas

    written = {}
    for name, rows in tables(members, quarantine, connectome).items():
        frame = pandas.DataFrame(rows, columns=None if rows else list(EMPTY[name]))
        paths = (folder / f"{name}.csv", folder / f"{name}.parquet")
        with atomic(paths[0]) as temporary:
            frame.to_csv(temporary, index=False, lineterminator="\n")
        with atomic(paths[1]) as temporary:
            frame.to_parquet(temporary, index=False, engine="pyarrow")
        written[name] = paths
    assert list(written) == list(TABLES)
    return written


def read_statuses(paths: Iterable[Path]) -> dict[str, dict[str, Status]]:
    """Return the statuses by owner and artefact (``prepare``, ``spectral``, …)."""
    found: dict[str, dict[str, Status]] = {}
    for path in sorted(paths):
        found.setdefault(owner(path), {})[Path(path).name.split(".")[0]] = read_json(path, Status)
    return found


def _first_fault(records: Mapping[str, Status], steps: Sequence[str]) -> Status | None:
    return next((records[step] for step in steps if step in records and records[step].state in _FAULTS), None)


def refused_nights(rows: Sequence[NightRow], statuses: Records) -> list[dict[str, str]]:
    """Return one quarantine row for each night of the index that a step refused: the first step that did.

    A night for which no step left a record is listed too: nothing is dropped in silence.
    """
    lost = []
    for row in rows:
        records = statuses.get(row.night, {})
        fault = _first_fault(records, NIGHT_STEPS)
        if fault is None and not records:
            fault = Status(
                step="prepare", owner=row.night, state="failed", reason="left no record; run the workflow again"
            )
        if fault is not None:
            lost.append(
                {
                    "night": row.night,
                    "person": row.person,
                    "step": fault.step,
                    "state": fault.state,
                    "reason": fault.reason,
                }
            )
    return lost


def refused_people(people: Sequence[str], statuses: Records) -> list[dict[str, str]]:
    """Return the faults of people: of the chain that leads to the ranking the first, and of the spectral twin."""
    fallen = []
    for person in people:
        records = statuses.get(person, {})
        chain = _first_fault(records, [step for step in PERSON_STEPS if step != "spectral"])
        for fault in (chain, _first_fault(records, ["spectral"])):
            if fault is not None:
                fallen.append(
                    {"night": "", "person": person, "step": fault.step, "state": fault.state, "reason": fault.reason}
                )
    return fallen


def _said(ranking: xr.Dataset | None, check: PersonCheck | None) -> str:
    """Return why there is no ranking, from the ranking itself or from the check."""
    said = str(ranking.attrs.get("reason", "")) if ranking is not None else ""
    return said or ("; ".join([*check.reasons, *check.night.reasons][:1]) if check is not None else "")


def _relative(target: Path, page: Path) -> str:
    return Path(os.path.relpath(target, Path(page).parent)).as_posix()
