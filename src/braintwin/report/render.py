"""From templates and material to one self-contained page."""

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


def page(template: str, **material: Any) -> str:
    """Return `template` filled with `material`, with the style sheet inside."""
    style = files("braintwin.report").joinpath("style.css").read_text(encoding="utf-8")
    text = _environment().get_template(template).render(style=Markup(style), **material)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"
