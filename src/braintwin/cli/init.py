"""``braintwin init``: the folder of a new study, with a config that says what `braintwin inspect` has found."""

import json
import os
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from braintwin.cli.inspect import inspect, reading, sentence, yaml_lines
from braintwin.cli.workflow import workflow_root
from braintwin.config import json_schema, parse_config
from braintwin.errors import BrainTwinError, did_you_mean
from braintwin.io.arrays import write_text
from braintwin.io.finding import Finding
from braintwin.io.library import read_library
from braintwin.io.survey_scoring import ASK
from braintwin.options.dataset import DatasetOptions

HEAD = """\
# yaml-language-server: $schema=schema.json
# A study of BrainTwin. Only what differs from the defaults stands here; `braintwin config` prints every key with its
# default and meaning, and an editor completes keys from schema.json.

study: {study}
datasets:
"""

SETTLED = "settled below:"
"""What begins the comment on a doubt that the lines beneath it settle."""

README = """\
# {study}

Research use only.

| | |
|---|---|
| `config.yaml` | what is studied, and how; edit it |
| `schema.json` | from which an editor completes its keys |
| `results/{study}/` | made by a run: start at `report/index.html` |
| `resources/` | datasets that a run has brought here, where they have an address |

```sh
braintwin run --config config.yaml --cores 2 --dry-run    # what would be done
braintwin run --config config.yaml --cores 2
braintwin status results/{study}
```
"""


def init(folder: Path, source: str | None, name: str | None, treatments: Sequence[str]) -> str:
    """Make the folder of a study and return what to print.

    Parameters
    ----------
    folder : path
        Must not exist, or be empty.
    source : str, optional
        Where the dataset is: a folder or archive is inspected, an address is written down; the synthetic cohort where
        unset.
    name : str, optional
        The dataset's name in the config.
    treatments : sequence of str
        Keys to simulate; the whole library where empty.

    Raises
    ------
    BrainTwinError
        If the folder holds something, a treatment is unknown, or the dataset is not there.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message = f"init: {folder} is there and not empty; name a new folder"
        raise BrainTwinError(message)
    _known(treatments)
    study = re.sub(r"[^A-Za-z0-9_-]", "-", folder.resolve().name).strip("-_") or "study"
    found = _found(source or "synthetic:8", folder, name)
    text = HEAD.format(study=study) + "\n".join([*_dataset(found), "", *_treatments(treatments)]) + "\n"
    if not found["to_fill_in"]:
        parse_config(yaml.safe_load(text), "config.yaml")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "config.yaml", text)
    write_text(folder / "schema.json", json_schema())
    write_text(folder / "README.md", README.format(study=study))
    write_text(folder / ".gitignore", "results/\nresources/\n")
    return _said(folder, found)


def _known(treatments: Sequence[str]) -> None:
    library = read_library(workflow_root() / "config" / "treatments.yaml").treatments
    unknown = [key for key in treatments if key not in library]
    if unknown:
        named = "; ".join(f"{key!r}{did_you_mean(key, library)}" for key in unknown)
        message = f"init: not in the treatment library: {named}"
        raise BrainTwinError(message)


def _found(source: str, folder: Path, name: str | None) -> dict[str, Any]:
    """Return what the dataset would be read as; of an address only the address is known."""
    place = Path(source)
    if not place.exists():
        if ":" not in source:
            message = (
                f"init: no dataset in {source}; name a folder, an archive or an address such as openneuro:ds005555"
            )
            raise BrainTwinError(message)
        kind = re.sub(r"[^A-Za-z0-9]", "", source.partition(":")[0])
        return {"datasets": {name or kind: {"source": source}}, "findings": [], "to_fill_in": []}
    name = name or re.sub(r"[^A-Za-z0-9]", "", place.resolve().name.split(".")[0]) or "dataset"
    result = inspect(place, DatasetOptions(source=source), name)
    # the config's own folder is where the study is run
    written = source if place.is_absolute() else os.path.relpath(place, folder)
    result["datasets"][name] = {**result["datasets"][name], "source": written}
    return result


def _dataset(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the dataset, each doubt as a comment above them."""
    for entry in found["findings"]:
        finding = Finding(**entry)
        yield from _comment(f"{finding.topic}: {finding.used}", "  # ")
        if finding.ambiguous:
            yield from _comment(f"{SETTLED} {finding.ambiguous}", "  #   ")
    if found["to_fill_in"]:
        yield f"  # put W, N1, N2, N3, R or '?' (missing) in place of each {ASK}"
    yield from (f"  {line}" for line in yaml_lines(found["datasets"]))


def _comment(text: str, before: str) -> list[str]:
    return textwrap.wrap(text, 118, initial_indent=before, subsequent_indent=before + "  ", break_on_hyphens=False)


def _treatments(treatments: Sequence[str]) -> list[str]:
    if treatments:
        return ["simulate:", f"  treatments: {json.dumps(list(treatments))}"]
    return ["# simulate:", "#   treatments: [cbti, zolpidem_10]   # the whole library where unset"]


def _said(folder: Path, found: Mapping[str, Any]) -> str:
    lines = [f"{folder}: config.yaml, schema.json, README.md", ""]
    if found["findings"]:
        lines += reading(found)
        lines += [] if found["then"] in (None, found["now"]) else [sentence("as config.yaml has it", found["then"])]
        lines += [""]
    doubts = sum(bool(finding["ambiguous"]) for finding in found["findings"])
    first = f"look at {doubts} choice(s) marked {SETTLED!r} in {folder / 'config.yaml'}, then " if doubts else ""
    if found["to_fill_in"]:
        first = f"fill in {', '.join(found['to_fill_in'])} in {folder / 'config.yaml'}, then "
    return "\n".join([*lines, f"Next: {first}cd {folder} && braintwin run --config config.yaml --dry-run", ""])
