"""``braintwin virtual-trial``: what a trial would find, and how large it should be, in print."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from braintwin.cli.update import bundled
from braintwin.config import Config, load_config
from braintwin.contracts.simulate import OUTCOME_UNITS, OUTCOMES
from braintwin.errors import BrainTwinError, did_you_mean
from braintwin.io.library import read_library
from braintwin.io.workers import mapper
from braintwin.steps.virtual_trial import (
    Bench,
    Finding,
    Recruited,
    check_design,
    findings,
    power_curve,
    prepare,
    run,
)
from braintwin.treatment.virtual_trial import Design, virtual_trials

SIZES = (20, 40, 60, 100, 150, 250, 400)


def virtual_trial(
    treatment: str,
    comparator: str,
    design: Design,
    *,
    trials: int,
    seed: int,
    recruited: Recruited,
    known: bool,
    power: bool,
    sizes: Sequence[int],
    outcome: str,
    config_path: Path | None,
    dask: str | None,
    as_json: bool,
) -> str:
    """Return what virtual trials find, as text or JSON.

    Parameters
    ----------
    power : bool
        Whether to give the power for `outcome` at each of `sizes` as well.
    config_path : path, optional
        A config that names a library, a population, or workers (`virtual_trial.dask`) of its own.
    dask : str, optional
        Where the trials run, instead of where the config says: as `DaskOptions.at` reads it.
    """
    config = load_config(config_path) if config_path else Config()
    sizes = tuple(sizes) or SIZES
    if outcome not in OUTCOMES:
        message = f"virtual-trial: no outcome {outcome!r}{did_you_mean(outcome, OUTCOMES)}"
        raise BrainTwinError(message)
    check_design(design, trials)
    place = config.virtual_trial.dask.at(dask) if dask else config.virtual_trial.dask
    bench = prepare(
        treatment,
        comparator,
        library=read_library(bundled(config.treatments)),
        population=bundled(config.population),
        recruited=recruited,
        trials=trials,
        people=max([design.people, *(sizes if power else ())]),
        seed=seed,
        heterogeneity_sd=config.simulate.heterogeneity_sd,
        known=known,
    )
    with mapper(place, [virtual_trials.__module__]) as each:
        found = findings(run(bench, design, trials, each))
        curve = power_curve(bench, design, sizes, trials, outcome, each) if power else {}
    if as_json:
        values = {
            "treatment": treatment, "comparator": comparator, "design": asdict(design), "trials": trials, "seed": seed,
            "recruited": recruited, "outcomes": {name: asdict(f) for name, f in found.items()},
            "power_outcome": outcome,
            "power": {str(size): value for size, value in curve.items()},
        }  # fmt: skip
        return json.dumps(values, indent=2, sort_keys=True) + "\n"
    lines = told(treatment, comparator, design, trials, bench, found)
    if curve:
        lines.append(f"power for {outcome} (two-sided, 5 %), by people in all:")
        lines += [f"  {size:5d}  {value:.2f}  {'#' * round(40 * value)}" for size, value in curve.items()]
    return "\n".join([*lines, "Research use only: what a model expects of a trial."]) + "\n"


def told(
    treatment: str, comparator: str, design: Design, trials: int, bench: Bench, found: dict[str, Finding]
) -> list[str]:
    """Return what virtual trials find, in lines."""
    base = bench.baseline
    people = (
        "people of the population"
        if base is None
        else f"people with latency {base.SOL:g}, WASO {base.WASO:g}, time in bed {base.TIB:g} min"
    )
    lines = [
        f"{treatment} against {comparator}: {design.kind}, {design.people} people, {design.nights} night(s) an arm; "
        f"{people}; {trials} trials",
        f"{'':15s} {'contrast':>8s}  {'95 % of trials':17s} {'se':>5s}  {'the first trial prints':24s} power",
    ]
    for name, value in found.items():
        unit = {"1": "", "%": " %"}.get(OUTCOME_UNITS[name], " min")
        first, low, high = value.typical
        lines.append(
            f"{name + unit:15s} {value.mean:+8.1f}  {f'{value.low:+.1f} to {value.high:+.1f}':17s} {value.error:5.1f}  "
            f"{f'{first:+.1f} [{low:+.1f}, {high:+.1f}]':24s} {value.power:.2f}"
        )
    return lines
