"""A folder of recordings into BIDS, at the terminal."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml
from pydantic import ValidationError

from braintwin.errors import ConfigError
from braintwin.options.convert import ConvertOptions


def read_map(path: Path | None, reader: str | None) -> ConvertOptions:
    """Return the options that a YAML map and a reader's name tell.

    Raises
    ------
    ConfigError
        Naming every wrong key.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, yaml.YAMLError) as cause:
        message = f"convert: the map {path} cannot be read ({getattr(cause, 'problem', cause)})"
        raise ConfigError(message) from None
    if not isinstance(values, dict):
        message = f"convert: the map {path} holds no keys and values"
        raise ConfigError(message)
    try:
        return ConvertOptions.model_validate({**values, **({"reader": reader} if reader else {})})
    except ValidationError as cause:
        found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in cause.errors())
        message = f"convert: {found}; docs/reference/config.md lists the keys of convert"
        raise ConfigError(message) from None


def convert_folder(source: Path, target: Path, options: ConvertOptions, key: Path | None) -> Iterator[str]:
    """Convert `source` into `target` and tell what came of it, and the lines of a config that use it."""
    from braintwin.io.convert.run import convert
    from braintwin.io.records import write_table

    if options.labels == "number" and key is None:
        message = "convert: labels: number needs --key FILE, a file outside the dataset that keeps who is who"
        raise ConfigError(message)
    if key is not None and target.resolve() in key.resolve().parents:
        message = "convert: --key must lie outside the dataset"
        raise ConfigError(message)
    done = convert(source, target, options, advance=_say)
    if key is not None:
        write_table(
            key, ("participant_id", "label"), [{"participant_id": f"sub-{n}", "label": o} for n, o in done.key.items()]
        )
    yield f"{target}: {done.nights} night(s), {done.staged} of them staged, {len(done.refused)} left out"
    yield from (f"  left out: {name}: {why}" for name, why in done.refused)
    yield "datasets:"
    yield f"  {''.join(filter(str.isalnum, target.name)) or 'converted'}:"
    yield f"    source: {json.dumps(str(target))}"
    if done.conditions:
        yield f"    conditions: {json.dumps(done.conditions)}"


def _say(done: int, of: int, night: str) -> None:
    """Say which night is next: on a terminal in place, in a log a line each."""
    end = "\r" if sys.stderr.isatty() else "\n"
    sys.stderr.write(f"convert: {done + 1} of {of}, {night}{end}")
    sys.stderr.flush()
