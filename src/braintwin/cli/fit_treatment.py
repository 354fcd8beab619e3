"""``braintwin fit-treatment``: an own trial in, an entry of the treatment library out, with what it says in print."""

import sys
from pathlib import Path

from braintwin.cli.update import bundled
from braintwin.config import Config, load_config
from braintwin.contracts.night import GROUPS
from braintwin.contracts.treatment import Estimate, TreatmentFit
from braintwin.errors import BrainTwinError
from braintwin.io.arrays import write_text
from braintwin.io.library import read_library
from braintwin.io.records import read_json
from braintwin.paths import StudyPaths


def fit_treatment(config_path: Path, *, cores: int, dry: bool, quiet: bool, into: Path | None) -> int:
    """Learn the treatment, tell what was learned, and return the exit code.

    Parameters
    ----------
    config_path : path
        The study; its section `fit_treatment` says which nights were treated.
    into : path, optional
        A treatment library to write: that of the study with the new entry in it.
    """
    from braintwin.cli.run import run_study

    config: Config = load_config(config_path)
    if into is not None and into.exists():
        message = f"fit-treatment: {into.name} exists already; name a new file with --into"
        raise BrainTwinError(message)
    code = run_study(config_path, cores=cores, dry=dry, quiet=quiet, goal="fit_treatment")
    if code or dry:
        return code
    paths, name = StudyPaths(Path("results") / config.study), config.fit_treatment.name
    fit = read_json(paths.treatment(name, ".json"), TreatmentFit)
    sys.stdout.write("\n".join(told(fit)) + "\n")
    if into is not None:
        write_text(into, joined(bundled(config.treatments), paths.treatment(name), name))
        read_library(into)
        sys.stdout.write(f"{into}: the library with {name} in it; name it under treatments in a config\n")
    return 0


def joined(library: Path, entry: Path, name: str) -> str:
    """Return the text of a library with one more entry, ahead of the others; its comments stay as they are.

    Raises
    ------
    BrainTwinError
        If the library has an entry of that name.
    """
    if name in read_library(library).treatments:
        message = f"fit-treatment: {library.name} has an entry {name!r} already; choose another fit_treatment.name"
        raise BrainTwinError(message)
    lines = library.read_text(encoding="utf-8").splitlines()
    at = lines.index("treatments:") + 1
    return "\n".join([*lines[:at], *entry.read_text(encoding="utf-8").splitlines(), *lines[at:]]) + "\n"


def _interval(value: Estimate, digits: int = 2) -> str:
    return f"{value.mean:+.{digits}f} [{value.low:+.{digits}f}, {value.high:+.{digits}f}]"


def told(fit: TreatmentFit) -> list[str]:
    """Return what was learned, in lines: operators, and how well treated nights were foretold without their person."""
    from braintwin.inference.trial_fit import FAMILIES
    from braintwin.inference.trial_scores import SCORED

    lines = [
        f"{fit.name}: {fit.people} people ({fit.design}), {fit.treated_nights} treated and {fit.control_nights} "
        f"control nights, {fit.left_out} left out",
        "log rate, 90 % interval:",
        *(f"  {name:12s} {_interval(fit.families[name])}" for name in FAMILIES),
        "by group, with the sd between people and the share of the prior variance that the nights took away:",
        *(
            f"  {name:12s} {_interval(value)}  sd {value.between_sd:.2f}  {100 * value.contraction:3.0f} %"
            for name, value in ((name, fit.operators[name]) for name in GROUPS)
        ),
    ]
    forecast = fit.forecast
    if not forecast:
        return [*lines, "no treated night was foretold: nobody, or nobody but a few, has nights of both kinds"]
    lines.append(f"treated nights foretold without their person, {forecast['people']} people:")
    lines.append("  log score against, nats a night (95 % paired bootstrap):")
    for name, (mean, low, high) in forecast["log_score_gain"].items():
        lines.append(f"    {name:12s} {mean:+.2f} [{low:+.2f}, {high:+.2f}]")
    lines.append("  change: expected, observed (95 % t interval); CRPS own, no change, shifted, population; coverage")
    for name, found in ((name, forecast["outcomes"][name]) for name in SCORED):
        mean, low, high = found["observed_change"]
        crps = ", ".join(f"{found['crps'][rival]:.2f}" for rival in ("own", "no change", "shifted", "population"))
        lines.append(
            f"    {name:12s} {found['expected_change']:+6.1f}, {mean:+6.1f} [{low:+.1f}, {high:+.1f}]; {crps}; "
            f"{found['coverage_90']['own']:.2f}"
        )
    return lines
