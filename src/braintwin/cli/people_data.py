"""The commands on datasets, and on the config that reads them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from braintwin.cli.people_options import Json

commands = typer.Typer()


@commands.command("inspect", epilog="Example: braintwin inspect mydataset > lines.txt")
def inspect_command(
    path: Annotated[Path, typer.Argument(help="The dataset: a folder, .tar.gz, .tar or .zip.")],
    config: Annotated[Path | None, typer.Option(help="A config that has some of its keys already.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the dataset in the config.")] = None,
    as_json: Json = False,
) -> None:
    """Say what a dataset would be read as, what is ambiguous, and which lines of the config settle it."""
    from braintwin.cli.inspect import run as run_inspect

    sys.stdout.write(run_inspect(path, config, name, as_json))


@commands.command("config", epilog="Example: braintwin config > config.yaml")
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


@commands.command("retrieve", epilog="Example: braintwin retrieve --config study.yaml boas")
def retrieve_command(
    names: Annotated[list[str] | None, typer.Argument(help="Datasets of the config; all of them where unset.")] = None,
    config: Annotated[Path, typer.Option(help="The study's config.")] = Path("config.yaml"),
) -> None:
    """Bring the datasets of a study here, with a progress bar; a run finds them and brings nothing again."""
    from braintwin.cli.retrieve import retrieve_datasets

    for line in retrieve_datasets(config, names or []):
        typer.echo(line)


@commands.command("convert", epilog="Example: braintwin convert sleep-edfx sleepedf --reader sleep-edf")
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


@commands.command("synthesize", epilog="Example: braintwin synthesize cohort --people 12 --seed 7")
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


@commands.command("privacy-check", epilog="Example: braintwin privacy-check mydataset --anonymise-to shared")
def privacy_command(
    folder: Annotated[Path, typer.Argument(help="A dataset, its derivatives, or the results of a study.")],
    names: Annotated[Path | None, typer.Option(help="A text file: one name a line that must not occur.")] = None,
    anonymise_to: Annotated[Path | None, typer.Option(help="Make an anonymous copy of the dataset there.")] = None,
    as_json: Json = False,
) -> None:
    """Look for names, dates, serial numbers and paths; exit with 1 where something was found."""
    from braintwin.cli.privacy import run as check

    text, clean = check(folder, names=names, anonymise_to=anonymise_to, as_json=as_json)
    sys.stdout.write(text)
    raise typer.Exit(0 if clean else 1)
