"""The path of a newcomer, carried out and timed: every command of the pages, pasted as it is, from a clone on.

    python tests/support/newcomer.py [--demo] [--quick] [--folder NEW]

Clones the repository into an empty folder, with an empty home, and writes `docs/tutorial/newcomer.md`. `--demo` takes
the tutorial too (it installs everything from the lock and needs a package index); without it the environment of the
caller serves. `--quick` gives the own dataset's fits short chains.
"""

import argparse
import contextlib
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from docs_commands import ROOT, blocks
from tiny_study import TINY

DATASET = "braintwin synthesize mydataset --people 3 --nights 1 --hours 4"
PAGE = ROOT / "docs" / "tutorial" / "newcomer.md"
HEAD = """# The path of a newcomer, timed

Written by `python tests/support/newcomer.py{flags}`: every command of the pages, pasted as it is, in a fresh clone
(revision {revision}) with an empty home.

{machine}; mean load {load:.0f}, of which this path is 2 at most: where it is more, go by the CPU seconds. The
own dataset is synthetic (`{dataset}`).{chains}

| page | command | wall s | CPU s |
|---|---|---|---|
"""
SHORT = """ Its fits had the short chains of the tests
(`tests/support/tiny_study.py`), which the gates of a real study refuse."""
SECTIONS = ("prepare", "features", "fit_spectral", "fit_nights", "check", "simulate", "rank")


def carry_out(command: str, folder: Path, environment: dict[str, str]) -> tuple[float, float, str]:
    """Carry out one line; return wall and CPU seconds, and what it said. A failure ends the path."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, cpu, done.stdout


def shorten_chains(config: Path) -> None:
    """Give a study the chains of the tests, as somebody who edits the config would."""
    values = yaml.safe_load(config.read_text(encoding="utf-8"))
    config.write_text(yaml.safe_dump({**values, **{name: TINY[name] for name in SECTIONS}}), encoding="utf-8")


def walk(clone: Path, home: Path, *, demo: bool, quick: bool) -> list[tuple[str, str, float, float]]:
    """Carry out the pages' commands; return page, command, wall and CPU seconds of each."""
    paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {
        "PATH": os.pathsep.join(paths),
        "HOME": str(home),
        "PYTHONPATH": str(clone / "src"),
        "LANG": "C.UTF-8",
    }
    rows = []
    folder = clone
    lines = [("tutorial", line) for line in "\n".join(blocks(ROOT / "docs/tutorial/first-report.md")).splitlines()]
    lines = [(page, line) for page, line in lines if demo and line.startswith("make ")]
    lines.append(("a dataset", DATASET))
    for block in blocks(ROOT / "docs" / "howto" / "own-data.md"):
        lines += [("own-data", line) for line in block.splitlines() if line]
    for page, line in lines:
        if line.startswith("cd "):
            folder = folder / line.removeprefix("cd ")
            continue
        wall, cpu, said = carry_out(line, folder, environment)
        rows.append((page, line, wall, cpu))
        sys.stderr.write(f"{line}: {wall:.0f} s\n")
        if line.startswith("braintwin init") and quick:
            shorten_chains(folder / "mystudy" / "config.yaml")
    report = folder / "results" / "mystudy" / "report" / "index.html"
    if not report.is_file() or "finished" not in said:
        raise SystemExit(f"no report at {report}: {said}")
    return rows


def main() -> None:
    """Walk the path and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--folder", type=Path, help="new folder to work in, kept; a temporary one where unset")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        name = given.folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="newcomer-"))
        clone, home = Path(name).resolve() / "BrainTwin", Path(name).resolve() / "home"
        home.mkdir(parents=True)
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        revision = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=clone, capture_output=True, text=True, check=True
        ).stdout.strip()
        rows = walk(clone, home, demo=given.demo, quick=given.quick)
    flags = "".join(f" --{flag}" for flag in ("demo", "quick") if getattr(given, flag))
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
    text = HEAD.format(
        flags=flags,
        revision=revision,
        machine=machine,
        dataset=DATASET,
        load=os.getloadavg()[2],
        chains=SHORT if given.quick else "",
    )
    text += "".join(f"| {page} | `{line}` | {wall:.0f} | {cpu:.0f} |\n" for page, line, wall, cpu in rows)
    PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")


if __name__ == "__main__":
    main()
