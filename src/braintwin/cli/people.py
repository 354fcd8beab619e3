"""The commands that people type."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

import braintwin

app = typer.Typer(
    name="braintwin",
    help="Digital twins of the sleeping brain: from a BIDS dataset to a ranking of treatments. Research use only.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"braintwin {braintwin.__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    del version


@app.command("init", epilog="Example: braintwin init mystudy --dataset /data/our-bids-dataset --treatment cbti")
def init_command(
    folder: Annotated[Path, typer.Argument(help="Folder to make; the study is called like it.")],
    dataset: Annotated[
        str | None, typer.Option(help="A BIDS folder, an archive or an address; the synthetic cohort where unset.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the dataset in the config.")] = None,
    treatment: Annotated[
        list[str] | None, typer.Option(help="Simulate this treatment (give it again for each); all where unset.")
    ] = None,
) -> None:
    """Make the folder of a study: a config with what `braintwin inspect` has found, to be run from there."""
    from braintwin.cli.init import init

    sys.stdout.write(init(folder, dataset, name, treatment or []))


@app.command("run", epilog="Example: braintwin run --config config/examples/ucddb.yaml --cores 2")
def run_command(
    config: Annotated[
        Path | None, typer.Option(help="The study's config; the embedded synthetic cohort where unset.")
    ] = None,
    cores: Annotated[int, typer.Option(min=1, help="Cores of this machine to use.")] = 2,
    cluster: Annotated[Literal["slurm"] | None, typer.Option(help="Let a cluster do it.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Jobs at a time on the cluster; the profile's, 200.")] = None,
    account: Annotated[str | None, typer.Option(help="Account on the cluster.", envvar="BRAINTWIN_ACCOUNT")] = None,
    partition: Annotated[
        str | None, typer.Option(help="Partition of the cluster.", envvar="BRAINTWIN_PARTITION")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option(help="A Snakemake profile of yours instead of the one that comes along.")
    ] = None,
    dry: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only say how it ended.")] = False,
) -> None:
    """Index the datasets, then do whatever is missing up to the report."""
    from braintwin.cli.run import run_study
    from braintwin.cli.workflow import Machine

    machine = Machine(cores, cluster, jobs, account, partition, profile)
    raise typer.Exit(run_study(config, dry=dry, quiet=quiet, machine=machine))


@app.command("report", epilog="Example: braintwin report --config mystudy.yaml --snakemake report.zip")
def report_command(
    config: Annotated[Path | None, typer.Option(help="The study's config; that of the demo where unset.")] = None,
    cores: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 2,
    snakemake: Annotated[
        Path | None, typer.Option(help="Write Snakemake's own report too: a .zip, or one .html.")
    ] = None,
) -> None:
    """Write the pages of a finished study again where they are missing or stale; nothing is fitted."""
    from braintwin.cli.report import write_report

    raise typer.Exit(write_report(config, cores=cores, archive=snakemake))


@app.command("status", epilog="Example: braintwin status results/demo")
def status_command(
    study: Annotated[Path, typer.Argument(help="The study's results.")] = Path("results/demo"),
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say what is done, running, refused or failed, and how long is left (exit code: 0 all, 1 failed, 3 unfinished)."""
    from braintwin.cli.status import status

    text, code = status(study, as_json=as_json)
    sys.stdout.write(text)
    raise typer.Exit(code)


@app.command("doctor", epilog="Example: braintwin doctor --cluster slurm")
def doctor_command(
    folder: Annotated[Path, typer.Argument(help="Where the study lies.", exists=True, file_okay=False)] = Path(),
    cluster: Annotated[Literal["slurm"] | None, typer.Option(help="Look at this cluster too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say whether this machine is fit to run a study, and what to do where it is not."""
    from braintwin.cli.doctor import doctor

    text, code = doctor(folder, on_cluster=cluster is not None, as_json=as_json)
    sys.stdout.write(text)
    raise typer.Exit(code)


@app.command("fit-population", epilog="Example: braintwin fit-population --config config/examples/population.yaml")
def fit_population_command(
    config: Annotated[Path, typer.Option(help="The study to learn from.")],
    cores: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 2,
    dry: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only say how it ended.")] = False,
) -> None:
    """Learn the population prior of the hypnogram twin from every scored night of a study."""
    from braintwin.cli.run import run_study

    raise typer.Exit(run_study(config, cores=cores, dry=dry, quiet=quiet, goal="fit_population"))


@app.command("calibrate", epilog="Example: braintwin calibrate --treatments config/treatments.yaml")
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


@app.command("fit-treatment", epilog="Example: braintwin fit-treatment --config config/examples/temazepam.yaml")
def fit_treatment_command(
    config: Annotated[Path, typer.Option(help="The trial; its section fit_treatment says who was treated when.")],
    cores: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 2,
    dry: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only say how it ended.")] = False,
    into: Annotated[Path | None, typer.Option(help="Write the treatment library with the new entry in it.")] = None,
) -> None:
    """Learn what a treatment does to the night from a trial of your own, as an entry of the treatment library."""
    from braintwin.cli.fit_treatment import fit_treatment

    raise typer.Exit(fit_treatment(config, cores=cores, dry=dry, quiet=quiet, into=into))


@app.command("retrieve", epilog="Example: braintwin retrieve --config study.yaml boas")
def retrieve_command(
    names: Annotated[list[str] | None, typer.Argument(help="Datasets of the config; all of them where unset.")] = None,
    config: Annotated[Path, typer.Option(help="The study's config.")] = Path("config.yaml"),
) -> None:
    """Bring the datasets of a study here, with a progress bar; a run finds them and brings nothing again."""
    from braintwin.cli.retrieve import retrieve_datasets

    for line in retrieve_datasets(config, names or []):
        typer.echo(line)


@app.command("update", epilog="Example: braintwin update --config study.yaml --person lab-07 --night lab-07-2")
def update_command(
    person: Annotated[str, typer.Option(help="Whose twin, as in index/people.tsv.")],
    config: Annotated[
        Path | None, typer.Option(help="The study's config; the embedded synthetic cohort where unset.")
    ] = None,
    night: Annotated[str | None, typer.Option(help="A night of the study's datasets, as in index/nights.tsv.")] = None,
    hypnogram: Annotated[
        Path | None, typer.Option(help="An events table outside the datasets, in place of --night.")
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Only tell the versions, and whether they are whole.")] = (
        False
    ),
    cores: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 2,
) -> None:
    """Give one hypnogram twin one more night; nothing else is fitted again, and every version is kept."""
    from braintwin.cli.update import show_history, update_twin

    if history:
        raise typer.Exit(show_history(config, person))
    raise typer.Exit(update_twin(config, person, night=night, hypnogram=hypnogram, cores=cores))


@app.command("whatif", epilog="Example: braintwin whatif results/demo --person synthetic-01 --treatment zolpidem_10")
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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Say what a treatment, a dose, a combination or another time in bed would do to one person's nights."""
    from braintwin.cli.whatif import whatif
    from braintwin.treatment.scenario import Scenario

    keys = [treatment, *([combine] if combine else [])]
    scenario = Scenario(dose_factor, adherence, minutes_in_bed, nights)
    sys.stdout.write(
        whatif(results, person, keys, scenario, draws=draws, config_path=config, plot=plot, as_json=as_json)
    )


@app.command("virtual-trial", epilog="Example: braintwin virtual-trial daridorexant_50 --people 200 --power")
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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Simulate a trial many times: the contrast that it would find, with its interval, and its power."""
    from braintwin.cli.virtual_trial import virtual_trial
    from braintwin.treatment.virtual_trial import Design

    sys.stdout.write(
        virtual_trial(
            treatment, comparator, Design(design, people, nights), trials=trials, seed=seed, recruited=recruited,
            known=known, power=power, sizes=size or (), outcome=outcome, config_path=config, as_json=as_json,
        )
    )  # fmt: skip


@app.command("convert", epilog="Example: braintwin convert sleep-edfx sleepedf --reader sleep-edf")
def convert_command(
    source: Annotated[Path, typer.Argument(help="Folder of recordings that is not BIDS.")],
    target: Annotated[Path, typer.Argument(help="BIDS dataset to make; it must not exist.")],
    reader: Annotated[str | None, typer.Option(help="sleep-edf or edf-csv; the map's where unset.")] = None,
    mapping: Annotated[Path | None, typer.Option("--map", help="YAML with the keys of `convert` of a config.")] = None,
    key: Annotated[Path | None, typer.Option(help="Where to keep who is who, if participants are numbered.")] = None,
) -> None:
    """Make a BIDS dataset of recordings that are not one; nights that cannot be converted are left out and told."""
    from braintwin.cli.convert import convert_folder, read_map

    for line in convert_folder(source, target, read_map(mapping, reader), key):
        typer.echo(line)


@app.command("synthesize", epilog="Example: braintwin synthesize cohort --people 12 --seed 7")
def synthesize_command(
    folder: Annotated[Path, typer.Argument(help="Folder to make; it must not exist.")],
    people: Annotated[int, typer.Option(min=3, help="People: healthy, insomnia and OSA in turn.")] = 8,
    nights: Annotated[int, typer.Option(min=1, max=14, help="Nights of each.")] = 2,
    hours: Annotated[float, typer.Option(min=1.1, max=14, help="Time in bed, h.")] = 8.0,
    seed: Annotated[int, typer.Option(min=0, help="Root of the random numbers.")] = 20260101,
) -> None:
    """Write a synthetic BIDS cohort, with its known truth beside it."""
    from braintwin.errors import BrainTwinError
    from braintwin.options.synthesize import SynthesizeOptions
    from braintwin.synthetic.cohort import write_cohort
    from braintwin.synthetic.truth import truth_path

    if folder.exists():
        message = f"synthesize: {folder.name} exists already; name a new folder"
        raise BrainTwinError(message)
    write_cohort(folder, SynthesizeOptions(people=people, nights=nights, hours=hours), seed)
    typer.echo(f"{folder}: {people} people, {nights} night(s) each; the truth is in {truth_path(folder)}")


@app.command("config", epilog="Example: braintwin config > config.yaml")
def config_command(
    write: Annotated[bool, typer.Option("--write", help="Write config/config.yaml and config/schema.json.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema instead.")] = False,
) -> None:
    """Print every key of the config with its default and meaning."""
    if write:
        from braintwin.cli.reference import write_generated

        for path in write_generated():
            typer.echo(str(path))
        return
    from braintwin.config import default_yaml, json_schema

    sys.stdout.write(json_schema() if schema else default_yaml())


@app.command("inspect", epilog="Example: braintwin inspect mydataset > lines.txt")
def inspect_command(
    path: Annotated[Path, typer.Argument(help="The dataset: a folder, .tar.gz, .tar or .zip.")],
    config: Annotated[Path | None, typer.Option(help="A config that has some of its keys already.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the dataset in the config.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Say what a dataset would be read as, what is ambiguous, and which lines of the config settle it."""
    from braintwin.cli.inspect import run as run_inspect

    sys.stdout.write(run_inspect(path, config, name, as_json))


@app.command("publish", epilog="Example: braintwin publish --config mystudy.yaml")
def publish_command(
    config: Annotated[Path | None, typer.Option(help="The study's config; that of the demo where unset.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Archive; <study>.braintwin.zip.")] = None,
    pages: Annotated[bool, typer.Option("--pages", help="With the people's pages; they draw hypnograms.")] = False,
    coarsen: Annotated[bool, typer.Option("--coarsen", help="Withhold age and sex where groups are small.")] = False,
    smallest: Annotated[int, typer.Option(min=1, help="Fewest people of one age band and sex.")] = 5,
    date: Annotated[str | None, typer.Option(help="Day of publication, YYYY-MM-DD; today where unset.")] = None,
) -> None:
    """Freeze a finished study into one archive that a reviewer can verify; no raw data are in it."""
    import datetime

    from braintwin.cli.publish import publish
    from braintwin.review.freeze import Choices

    day = date or datetime.datetime.now(datetime.UTC).date().isoformat()
    raise typer.Exit(publish(config, output, Choices(day, pages=pages, coarsen=coarsen, smallest=smallest)))


@app.command("verify", epilog="Example: braintwin verify demo.braintwin.zip")
def verify_command(
    archive: Annotated[Path, typer.Argument(help="What `braintwin publish` wrote.")],
    seal: Annotated[str | None, typer.Option(help="The seal that the paper prints.")] = None,
    data: Annotated[list[str] | None, typer.Option(help="NAME=FOLDER of a dataset: run the study again.")] = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="Run the study again; fetch what has an address.")] = False,
    integrity: Annotated[bool, typer.Option("--integrity-only", help="Make no number again.")] = False,
    seconds: Annotated[float, typer.Option(min=0, help="Time for simulating treated nights again.")] = 80.0,
    cores: Annotated[int, typer.Option(min=1, help="Cores for --data and --rerun.")] = 2,
    each: Annotated[bool, typer.Option("--each", help="A line for every number.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead, every number included.")] = False,
) -> None:
    """Say of each published number whether it is identical, within Monte-Carlo tolerance, or different."""
    from braintwin.cli.verify import parse_data, run
    from braintwin.review.verify import Request

    source: Literal["archive", "data", "none"] = "none" if integrity else "data" if data or rerun else "archive"
    request = Request(seal, source, parse_data(data or []), seconds, cores)
    raise typer.Exit(run(archive, request, each=each, as_json=as_json))


@app.command("methods", epilog="Example: braintwin methods results/demo")
def methods_command(
    target: Annotated[Path, typer.Argument(help="A results folder, a manifest or an archive.", exists=True)],
) -> None:
    """Print a methods paragraph that a paper can paste, written from the manifest of the run."""
    from braintwin.cli.publish import print_methods

    raise typer.Exit(print_methods(target))


@app.command("privacy-check", epilog="Example: braintwin privacy-check mydataset --anonymise-to shared")
def privacy_command(
    folder: Annotated[Path, typer.Argument(help="A dataset, its derivatives, or the results of a study.")],
    names: Annotated[Path | None, typer.Option(help="A text file: one name a line that must not occur.")] = None,
    anonymise_to: Annotated[Path | None, typer.Option(help="Make an anonymous copy of the dataset there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Look for names, dates, serial numbers and paths; exit with 1 where something was found."""
    from braintwin.cli.privacy import run as check

    text, clean = check(folder, names=names, anonymise_to=anonymise_to, as_json=as_json)
    sys.stdout.write(text)
    raise typer.Exit(0 if clean else 1)


@app.command("digest", epilog="Example: braintwin digest results/demo > manifest.txt")
def digest_command(
    folder: Annotated[Path, typer.Argument(help="A results folder.", exists=True, file_okay=False)],
) -> None:
    """Print the canonical content digest of every result: equal digests are equal results."""
    from braintwin.io.digest import tree_digests

    for name, digest in tree_digests(folder).items():
        typer.echo(f"{digest}  {name}")


@app.command("step", help="One step of the workflow by hand; see braintwin step --help.", add_help_option=False)
def _step() -> None:  # pragma: no cover - `cli.main` answers this command before typer does
    pass


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; a mistyped command or flag is a user's mistake (2)."""
    try:
        typer.main.get_command(app)(list(arguments), prog_name="braintwin")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return 0
