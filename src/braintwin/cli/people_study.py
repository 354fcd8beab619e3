"""The commands on a study as a whole."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from braintwin.cli.people_options import Cores, Dry, Quiet

commands = typer.Typer()


@commands.command("init", epilog="Example: braintwin init mystudy --dataset /data/our-bids-dataset --treatment cbti")
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


@commands.command("run", epilog="Example: braintwin run --config config/examples/ucddb.yaml --cores 2")
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
    dry: Dry = False,
    quiet: Quiet = False,
) -> None:
    """Index the datasets, then do whatever is missing up to the report."""
    from braintwin.cli.run import run_study
    from braintwin.cli.workflow import Machine

    machine = Machine(cores, cluster, jobs, account, partition, profile)
    raise typer.Exit(run_study(config, dry=dry, quiet=quiet, machine=machine))


@commands.command("report", epilog="Example: braintwin report --config mystudy.yaml --snakemake report.zip")
def report_command(
    config: Annotated[Path | None, typer.Option(help="The study's config; that of the demo where unset.")] = None,
    cores: Cores = 2,
    snakemake: Annotated[
        Path | None, typer.Option(help="Write Snakemake's own report too: a .zip, or one .html.")
    ] = None,
) -> None:
    """Write the pages of a finished study again where they are missing or stale; nothing is fitted."""
    from braintwin.cli.report import write_report

    raise typer.Exit(write_report(config, cores=cores, archive=snakemake))


@commands.command("status", epilog="Example: braintwin status results/demo")
def status_command(
    study: Annotated[Path, typer.Argument(help="The study's results.")] = Path("results/demo"),
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say what is done, running, refused or failed, and how long is left (exit code: 0 all, 1 failed, 3 unfinished)."""
    from braintwin.cli.status import status

    text, code = status(study, as_json=as_json)
    sys.stdout.write(text)
    raise typer.Exit(code)


@commands.command("doctor", epilog="Example: braintwin doctor --cluster slurm")
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


@commands.command("update", epilog="Example: braintwin update --config study.yaml --person lab-07 --night lab-07-2")
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
    cores: Cores = 2,
) -> None:
    """Give one hypnogram twin one more night; nothing else is fitted again, and every version is kept."""
    from braintwin.cli.update import show_history, update_twin

    if history:
        raise typer.Exit(show_history(config, person))
    raise typer.Exit(update_twin(config, person, night=night, hypnogram=hypnogram, cores=cores))
