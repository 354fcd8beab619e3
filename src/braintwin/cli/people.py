"""The commands that people type."""

import os
from collections.abc import Sequence
from typing import Annotated

import typer

import braintwin
from braintwin.cli import people_data, people_review, people_study, people_treatments

COMPLETION = ("--show-completion", "--install-completion")
NAMED_SHELL = "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"
"""Lets typer take the shell that is named after those; else it is the one that is found running, which may be none."""

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


step = typer.Typer()


@step.command("step", help="One step of the workflow by hand; see braintwin step --help.", add_help_option=False)
def _step() -> None:  # pragma: no cover - `cli.main` answers this command before typer does
    pass


for group in (people_study.commands, people_data.commands, people_treatments.commands, people_review.commands, step):
    app.add_typer(group)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; a mistyped command or flag is a user's mistake (2)."""
    if len(arguments) == 2 and arguments[0] in COMPLETION:
        os.environ[NAMED_SHELL] = "1"
    try:
        typer.main.get_command(app)(list(arguments), prog_name="braintwin")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return 0
