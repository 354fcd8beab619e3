"""The commands on treatments and populations: learn them, and ask what they would do."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from braintwin.cli.people_options import Cores, Dry, Json, Quiet

commands = typer.Typer()


@commands.command(
    "whatif", epilog="Example: braintwin whatif results/demo --person synthetic-01 --treatment zolpidem_10"
)
def whatif_command(
    results: Annotated[Path, typer.Argument(help="Results of a finished study.")],
    person: Annotated[str, typer.Option(help="Whose nights, as in index/people.tsv.")],
    treatment: Annotated[str, typer.Option(help="Key of the treatment library; none for no treatment.")],
    combine: Annotated[str | None, typer.Option(help="A second treatment, taken together with it.")] = None,
    dose_factor: Annotated[float, typer.Option(help="Dose against the trials' (0 to 3).")] = 1.0,
    adherence: Annotated[float, typer.Option(help="Share of nights on which it is taken.")] = 1.0,
    minutes_in_bed: Annotated[float | None, typer.Option(help="Time in bed of those nights, min.")] = None,
    draws: Annotated[int, typer.Option(help="Draws of person and treatment.")] = 1000,
    nights: Annotated[int, typer.Option(help="Nights of each draw.")] = 14,
    config: Annotated[Path | None, typer.Option(help="The study's config; that of its manifest where unset.")] = None,
    plot: Annotated[Path | None, typer.Option(help="SVG file; whatif-<person>-<treatment>.svg where unset.")] = None,
    as_json: Json = False,
) -> None:
    """Say what a treatment, a dose, a combination or another time in bed would do to one person's nights."""
    from braintwin.cli.whatif import whatif
    from braintwin.treatment.scenario import Scenario

    keys = [treatment, *([combine] if combine else [])]
    scenario = Scenario(dose_factor, adherence, minutes_in_bed, nights)
    sys.stdout.write(
        whatif(results, person, keys, scenario, draws=draws, config_path=config, plot=plot, as_json=as_json)
    )


@commands.command("virtual-trial", epilog="Example: braintwin virtual-trial daridorexant_50 --people 200 --power")
def virtual_trial_command(
    treatment: Annotated[str, typer.Argument(help="Key of the treatment library.")],
    comparator: Annotated[str, typer.Option(help="Another key; none for no treatment.")] = "placebo",
    design: Annotated[Literal["parallel", "crossover"], typer.Option(help="Of the trial.")] = "parallel",
    people: Annotated[int, typer.Option(help="People in all.")] = 60,
    nights: Annotated[int, typer.Option(help="Nights of each person in an arm.")] = 1,
    trials: Annotated[int, typer.Option(help="How many times the trial is run.")] = 200,
    power: Annotated[bool, typer.Option("--power", help="With the power at several sizes.")] = False,
    size: Annotated[list[int] | None, typer.Option(help="Sizes of --power (give it again for each).")] = None,
    outcome: Annotated[str, typer.Option(help="Outcome of --power.")] = "WASO",
    recruited: Annotated[
        Literal["trial", "population"], typer.Option(help="Whether people are like the treatment's trials'.")
    ] = "trial",
    known: Annotated[bool, typer.Option("--known", help="Take the average effect as known exactly.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Root of the random numbers.")] = 20260101,
    config: Annotated[Path | None, typer.Option(help="A config with a library or population of its own.")] = None,
    dask: Annotated[
        str | None, typer.Option(help="Workers: slurm, tcp://host:8786, or JSON of the config's virtual_trial.dask.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Simulate a trial many times: the contrast that it would find, with its interval, and its power."""
    from braintwin.cli.virtual_trial import virtual_trial
    from braintwin.treatment.virtual_trial import Design

    sys.stdout.write(
        virtual_trial(
            treatment, comparator, Design(design, people, nights), trials=trials, seed=seed, recruited=recruited,
            known=known, power=power, sizes=size or (), outcome=outcome, config_path=config, dask=dask,
            as_json=as_json,
        )
    )  # fmt: skip


@commands.command("fit-population", epilog="Example: braintwin fit-population --config config/examples/population.yaml")
def fit_population_command(
    config: Annotated[Path, typer.Option(help="The study to learn from.")],
    cores: Cores = 2,
    dry: Dry = False,
    quiet: Quiet = False,
) -> None:
    """Learn the population prior of the hypnogram twin from every scored night of a study."""
    from braintwin.cli.run import run_study

    raise typer.Exit(run_study(config, cores=cores, dry=dry, quiet=quiet, goal="fit_population"))


@commands.command("fit-treatment", epilog="Example: braintwin fit-treatment --config config/examples/temazepam.yaml")
def fit_treatment_command(
    config: Annotated[Path, typer.Option(help="The trial; its section fit_treatment says who was treated when.")],
    cores: Cores = 2,
    dry: Dry = False,
    quiet: Quiet = False,
    into: Annotated[Path | None, typer.Option(help="Write the treatment library with the new entry in it.")] = None,
) -> None:
    """Learn what a treatment does to the night from a trial of your own, as an entry of the treatment library."""
    from braintwin.cli.fit_treatment import fit_treatment

    raise typer.Exit(fit_treatment(config, cores=cores, dry=dry, quiet=quiet, into=into))


@commands.command("calibrate", epilog="Example: braintwin calibrate --treatments config/treatments.yaml")
def calibrate_command(
    treatments: Annotated[Path, typer.Option(help="The treatment library; its calibration is written into it.")],
    population: Annotated[Path | None, typer.Option(help="The population model; the packaged one where unset.")] = None,
    people: Annotated[int, typer.Option(min=200, help="People of each simulated trial.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Root of the random numbers.")] = 1,
    again: Annotated[bool, typer.Option("--again", help="Fit entries too whose evidence did not change.")] = False,
) -> None:
    """Fit every treatment's operators to its trials on their own simulated population; only changed entries anew."""
    from braintwin.cli.calibrate import calibrate_file

    calibrate_file(treatments, population, people, seed, again)
