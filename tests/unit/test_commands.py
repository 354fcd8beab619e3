"""What the command line promises: examples that parse, the nearest word for a mistyped one, completion, exit codes."""

import os
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import pytest
import typer

from braintwin.cli import main
from braintwin.cli.people import app
from braintwin.cli.whatif import known_treatments
from braintwin.errors import BrainTwinError, NightExcluded
from braintwin.io.library import read_library
from braintwin.io.montage import kept_channels
from braintwin.options.prepare import PrepareOptions
from docs_commands import PAGES, ROOT, braintwin_commands

GROUP = typer.main.get_command(app)
COMMANDS = dict(GROUP.commands)  # type: ignore[attr-defined]
PAGE = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")


def parse(words):
    """Parse a command line without carrying it out; an option that there is not raises."""
    command = COMMANDS[words[1]]
    command.make_parser(typer.Context(command, info_name=words[1])).parse_args(words[2:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_that_a_page_shows_parse(page):
    for words in braintwin_commands(page):
        if words[1] != "step" and not words[1].startswith("-"):  # the flags of steps are held by the architecture tests
            parse(words)


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"step"}))
def test_the_help_of_a_command_teaches_by_an_example_that_parses(name):
    command = COMMANDS[name]
    assert command.epilog and command.epilog.startswith(f"Example: braintwin {name}")
    parse(shlex.split(command.epilog.split(" > ")[0].removeprefix("Example: ")))
    assert command.help and not command.hidden


def test_every_command_is_on_the_page_of_commands_and_no_other():
    told = set(re.findall(r"^\| `braintwin ([a-z-]+)", PAGE, re.MULTILINE))
    assert told == set(COMMANDS)


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["inspct", "x"], "Did you mean 'inspect'"),
        (["run", "--confg", "x.yaml"], "--config"),
    ],
)
def test_a_mistyped_command_or_option_is_told_the_nearest_and_exits_with_2(words, near, capsys):
    assert main.run(words) == 2
    assert near in capsys.readouterr().err


def test_a_mistyped_treatment_and_channel_are_told_the_nearest():
    library = read_library(ROOT / "config" / "treatments.yaml")
    with pytest.raises(BrainTwinError, match="did you mean 'zolpidem_10'"):
        known_treatments(["zolpidm_10"], library)
    recording = SimpleNamespace(roles={"Fz": "eeg", "EEG C3-A2": "eeg"})
    with pytest.raises(NightExcluded, match="did you mean 'EEG C3-A2'"):
        kept_channels("n", recording, PrepareOptions(channels=["EEG C3-A1"]))  # type: ignore[arg-type]


@pytest.mark.parametrize(("words", "code"), [(["--version"], 0), (["--help"], 0), (["status", "nowhere"], 2)])
def test_exit_codes_are_those_of_the_page(words, code, capsys):
    assert main.run(words) == code
    assert f"| {code} |" in PAGE


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", "complete -o default -F _braintwin_completion braintwin"),
        ("zsh", "compdef _braintwin_completion braintwin"),
        ("fish", "complete --command braintwin"),
    ],
)
def test_a_shell_can_complete_commands_and_options(shell, line):
    def ask(words, **more):
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **more}
        command = [sys.executable, "-m", "braintwin", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    script = ask(["--show-completion", shell])
    assert line in script and "_BRAINTWIN_COMPLETE" in script
    if shell == "bash":
        told = ask([], _BRAINTWIN_COMPLETE="complete_bash", COMP_WORDS="braintwin run --cl", COMP_CWORD="2")
        assert told.split() == ["--cluster"]
