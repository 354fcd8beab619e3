"""From templates and material to one self-contained page."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from braintwin.report import numbers

RESEARCH_USE = "Research use only — not a prescription."
"""Stands at the top and at the bottom of every page."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("braintwin", "report/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["research_use"] = RESEARCH_USE
    environment.filters["number"] = numbers.fixed
    environment.filters["probability"] = numbers.probability
    return environment


@cache
def _asset(name: str) -> str:
    """Return a style sheet or script of the report without empty lines and comments of its own line."""
    text = files("braintwin.report").joinpath(name).read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def page(template: str, *, script: str = "", **material: Any) -> str:
    """Return `template` filled with `material`, with the style sheet and, where there is one, the script inside.

    The page's content policy lets that script run and no other, and nothing be fetched.
    """
    code = _asset(script) if script else ""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    if code:
        policy += f"; script-src 'sha256-{digest}'"
    text = (
        _environment()
        .get_template(template)
        .render(style=Markup(_asset("style.css")), script=Markup(code), policy=Markup(policy), **material)
    )
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"
