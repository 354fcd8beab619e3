"""``braintwin whatif``: one person, one scenario, in print and as a drawing."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from braintwin.cli.update import bundled
from braintwin.config import Config, load_config, parse_config
from braintwin.contracts.simulate import OUTCOME_UNITS
from braintwin.contracts.tables import PersonRow
from braintwin.errors import BrainTwinError, did_you_mean
from braintwin.io.arrays import write_text
from braintwin.io.library import read_library
from braintwin.io.records import read_people
from braintwin.paths import StudyPaths
from braintwin.steps.whatif import Answer, run
from braintwin.treatment.library import NO_CHANGE, Library
from braintwin.treatment.scenario import Scenario

RESEARCH = "Research use only: what a model expects, not a prescription."


def whatif(
    results: Path,
    person: str,
    treatments: Sequence[str],
    scenario: Scenario,
    *,
    draws: int,
    config_path: Path | None,
    plot: Path | None,
    as_json: bool,
) -> str:
    """Return what a scenario does to a person's nights, as text or JSON; write the drawing.

    Parameters
    ----------
    results : path
        Results of a finished study.
    person : str
    treatments : sequence of str
        One key of the library, or two.
    config_path : path, optional
        The study's config; that of its manifest where unset.
    plot : path, optional
        Where the drawing goes; ``whatif-<person>-<treatments>.svg`` here where unset.
    """
    paths = StudyPaths(results)
    row = find_person(paths, person)
    config = load_config(config_path) if config_path else studied(paths)
    answer = ask(paths, row, config, treatments, scenario, draws)
    target = plot or Path(f"whatif-{person}-{'-'.join(answer.treatments)}.svg")
    draw(answer, target)
    if as_json:
        return json.dumps(plain(answer, scenario, draws), indent=2, sort_keys=True) + "\n"
    return "\n".join([*told(answer, scenario, draws), f"drawing: {target}", RESEARCH]) + "\n"


def ask(
    paths: StudyPaths, person: PersonRow, config: Config, treatments: Sequence[str], scenario: Scenario, draws: int
) -> Answer:
    """Simulate a scenario of a person of a study, with the study's library, population and seed."""
    library = read_library(bundled(config.treatments))
    return run(
        person=person,
        keys=known_treatments(treatments, library),
        scenario=scenario,
        night=paths.person(person.person, "night"),
        check=paths.person(person.person, "check", ".json"),
        library=library,
        population=bundled(config.population),
        draws=draws,
        seed=config.seed,
        heterogeneity_sd=config.simulate.heterogeneity_sd,
        usual_min=config.simulate.time_in_bed_min,
    )


def find_person(paths: StudyPaths, person: str) -> PersonRow:
    """Return the row of a person of a study.

    Raises
    ------
    BrainTwinError
        If there is no such study, or nobody of that name in it.
    """
    if not paths.people.is_file():
        message = f"whatif: no study in {paths.root.name!r} (expected its index/people.tsv); name results/<study>"
        raise BrainTwinError(message)
    rows = {row.person: row for row in read_people(paths.people)}
    if person not in rows:
        message = f"whatif: nobody called {person!r} in study {paths.root.name!r}{did_you_mean(person, rows)}"
        raise BrainTwinError(message)
    if not paths.person(person, "check", ".json").is_file():
        message = f"whatif: {person} has no checked twin yet; run the study first (braintwin run)"
        raise BrainTwinError(message)
    return rows[person]


def studied(paths: StudyPaths) -> Config:
    """Return the config of a finished study as its manifest has it; defaults where there is no manifest."""
    if not paths.manifest.is_file():
        return Config()
    return parse_config(json.loads(paths.manifest.read_text(encoding="utf-8"))["config"], "manifest.json")


def known_treatments(names: Sequence[str], library: Library) -> list[str]:
    """Return the keys asked for, each once.

    Raises
    ------
    BrainTwinError
        Naming those that the library does not have, with the nearest that it has.
    """
    there = [NO_CHANGE, *library.treatments]
    unknown = [name for name in names if name not in there]
    if unknown:
        found = "; ".join(f"{name!r}{did_you_mean(name, there)}" for name in unknown)
        message = f"whatif: not in the treatment library: {found}"
        raise BrainTwinError(message)
    if len(set(names)) < len(names):
        message = f"whatif: {names[0]!r} twice; name another treatment with --combine, or a --dose-factor"
        raise BrainTwinError(message)
    return list(names)


def draw(answer: Answer, target: Path) -> None:
    """Write the drawing of an answer.

    Raises
    ------
    BrainTwinError
        If the file's name does not end with .svg.
    """
    from braintwin.report.figures_scenario import scenario_changes, standalone

    if target.suffix.lower() != ".svg":
        message = f"whatif: --plot {target.name}: drawings are SVG; name a file that ends with .svg"
        raise BrainTwinError(message)
    names = list(answer.change)
    title = f"{answer.person}: {' + '.join(answer.labels)}"
    write_text(target, standalone(scenario_changes(names, list(answer.change.values()), title)) + "\n")


def plain(answer: Answer, scenario: Scenario, draws: int) -> dict[str, Any]:
    """Return an answer for programs."""
    return {
        **asdict(answer),
        "scenario": asdict(scenario),
        "draws": draws,
        "units": {name: OUTCOME_UNITS[name] for name in answer.change},
    }


def told(answer: Answer, scenario: Scenario, draws: int) -> list[str]:
    """Return an answer in lines."""
    in_bed = "as usual" if scenario.minutes_in_bed is None else f"{scenario.minutes_in_bed:g} min"
    lines = [
        f"{answer.person}: {' + '.join(answer.labels)} (dose x {scenario.dose_factor:g}, taken on "
        f"{100 * scenario.adherence:g} % of nights, time in bed {in_bed}; usual {answer.time_in_bed_min:.0f} min, "
        f"{answer.time_in_bed_source})",
        f"{draws} draws x {scenario.nights} nights, the same noise with and without:",
        f"{'':11s} {'usual':>7s} {'then':>7s} {'change':>7s}   {'90 %, average':16s} {'90 %, one night':16s} P(rise)",
    ]
    for name, change in answer.change.items():
        average, night = (
            f"{low:+.1f} to {high:+.1f}"
            for low, high in ((change.low, change.high), (change.night_low, change.night_high))
        )
        unit = {"1": "", "%": " %"}.get(OUTCOME_UNITS[name], " min")
        lines.append(
            f"{name + unit:15s} {change.usual:7.1f} {change.scenario:7.1f} {change.mean:+7.1f}   {average:16s} "
            f"{night:16s} {change.rises:.2f}"
        )
    lines[2] = "    " + lines[2]
    lines += [f"note: {text}" for text in answer.warnings]
    for key, texts in answer.contraindications.items():
        lines += [f"contraindicated with {key}: {'; '.join(texts)}"] if texts else []
    return lines
