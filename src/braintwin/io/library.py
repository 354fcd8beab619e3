"""The treatment library on disk."""

from pathlib import Path

import yaml

from braintwin.errors import ConfigError
from braintwin.treatment.library import Library, parse_library


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
