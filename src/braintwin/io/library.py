"""The treatment library on disk."""

from pathlib import Path

import yaml

from braintwin.errors import ConfigError
from braintwin.io.arrays import write_text
from braintwin.treatment.calibration_record import Calibration
from braintwin.treatment.library import Library, parse_library

WRITTEN = "# Written by `braintwin calibrate`; do not edit what follows.\n"
"""What parts the library that people write from its calibration."""


def read_library(path: Path | str) -> Library:
    """Read `treatments.yaml`.

    Raises
    ------
    ConfigError
        If there is no such file, if it is not YAML, or naming every entry that lacks a source or a mark.
    """
    path = Path(path)
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError:
        message = f"treatment library {path.name}: no such file; name an existing one under treatments in the config"
        raise ConfigError(message) from None
    except yaml.YAMLError as cause:
        mark = getattr(cause, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark else ""
        message = f"treatment library {path.name}{place}: not valid YAML ({getattr(cause, 'problem', cause)})"
        raise ConfigError(message) from None
    return parse_library(values, path.name)


def write_calibration(path: Path | str, calibration: Calibration) -> None:
    """Write the calibration of a library at the end of its file; what people wrote there stays as it is."""
    path = Path(path)
    evidence = path.read_text(encoding="utf-8").split(WRITTEN)[0].rstrip("\n") + "\n"
    text = yaml.safe_dump(
        {"calibration": calibration.values()}, sort_keys=False, width=118, default_flow_style=None, allow_unicode=True
    )
    write_text(path, f"{evidence}\n{WRITTEN}{text}")
