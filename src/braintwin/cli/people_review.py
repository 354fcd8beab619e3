"""The commands by which results leave the house and are checked."""

from pathlib import Path
from typing import Annotated, Literal

import typer

commands = typer.Typer()


@commands.command("publish", epilog="Example: braintwin publish --config mystudy.yaml")
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


@commands.command("verify", epilog="Example: braintwin verify demo.braintwin.zip")
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


@commands.command("methods", epilog="Example: braintwin methods results/demo")
def methods_command(
    target: Annotated[Path, typer.Argument(help="A results folder, a manifest or an archive.", exists=True)],
) -> None:
    """Print a methods paragraph that a paper can paste, written from the manifest of the run."""
    from braintwin.cli.publish import print_methods

    raise typer.Exit(print_methods(target))


@commands.command("digest", epilog="Example: braintwin digest results/demo > manifest.txt")
def digest_command(
    folder: Annotated[Path, typer.Argument(help="A results folder.", exists=True, file_okay=False)],
) -> None:
    """Print the canonical content digest of every result: equal digests are equal results."""
    from braintwin.io.digest import tree_digests

    for name, digest in tree_digests(folder).items():
        typer.echo(f"{digest}  {name}")
