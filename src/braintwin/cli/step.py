"""``braintwin step <name>``: what the workflow's rules call.

Files are flags; a step's options are one JSON value, parsed by the same class that generated the config.
A flag that takes several files takes them all at once, so that a rule can write ``{input.features:q}``.
"""

import argparse
import importlib
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from braintwin.cli import machine
from braintwin.errors import ConfigError
from braintwin.provenance import COMMAND, shorten


@dataclass(frozen=True)
class Flag:
    """One flag of a step: its name, how its text is parsed, whether it takes several values."""

    name: str
    parse: Callable[[str], Any] | str = Path
    many: bool = False


def _records(model: str) -> Callable[[str], Any]:
    """Return a parser of a JSON list of `model` records (``module:Class``)."""

    def parse(text: str) -> Any:
        return [_load(model).model_validate(value) for value in json.loads(text)]

    return parse


def _mapping(model: str) -> Callable[[str], Any]:
    """Return a parser of a JSON mapping of name to `model`."""

    def parse(text: str) -> Any:
        return {name: _load(model).model_validate(value) for name, value in json.loads(text).items()}

    return parse


def _load(reference: str) -> type[BaseModel]:
    module, name = reference.split(":")
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, type)
    return found


_DATASET = "braintwin.options.dataset:DatasetOptions"
_NIGHT = "braintwin.contracts.tables:NightRow"
_PEOPLE = _records("braintwin.contracts.tables:PersonRow")
_SYNTHESIZE = "braintwin.options.synthesize:SynthesizeOptions"

_THREADS = Flag("threads", int)
_SEED = Flag("seed", int)

STEPS: dict[str, tuple[Flag, ...]] = {
    "retrieve": (
        Flag("name", str),
        Flag("dataset", _DATASET),
        Flag("synthesize", _SYNTHESIZE),
        Flag("store"),
        Flag("record"),
        _SEED,
    ),
    "index": (
        Flag("records", many=True),
        Flag("datasets", _mapping(_DATASET)),
        Flag("nights"),
        Flag("people"),
        Flag("refused"),
    ),
    "prepare": (
        Flag("night", _NIGHT, many=True),
        Flag("dataset", _DATASET),
        Flag("dataset_root"),
        Flag("prepare", many=True),
        Flag("epochs", many=True),
    ),
    "hypnograms": (Flag("nights"), Flag("record"), Flag("description")),
    "features": (Flag("prepare"), Flag("epochs"), Flag("features")),
    "connect": (Flag("prepare"), Flag("epochs"), Flag("connect"), _THREADS),
    "fit-spectral": (
        Flag("people", _PEOPLE),
        Flag("features", many=True),
        Flag("connect", many=True),
        Flag("spectral", many=True),
        _SEED,
        _THREADS,
    ),
    "fit-nights": (
        Flag("people", _PEOPLE),
        Flag("prepare", many=True),
        Flag("features", many=True),
        Flag("population"),
        Flag("night", many=True),
        _SEED,
        _THREADS,
    ),
    "fit-population": (Flag("nights"), Flag("people"), Flag("records", many=True), Flag("population"), _SEED),
    "fit-treatment": (
        Flag("nights"),
        Flag("people"),
        Flag("records", many=True),
        Flag("population"),
        Flag("entry"),
        Flag("fit"),
        _SEED,
    ),
    "check": (Flag("spectral", many=True), Flag("night", many=True), Flag("check", many=True)),
    "simulate": (
        Flag("people", _PEOPLE),
        Flag("night", many=True),
        Flag("check", many=True),
        Flag("treatments"),
        Flag("population"),
        Flag("simulate", many=True),
        _SEED,
    ),
    "rank": (
        Flag("simulate", many=True),
        Flag("check", many=True),
        Flag("treatments"),
        Flag("rank", many=True),
        _SEED,
    ),
    "pages": (
        Flag("people", _PEOPLE),
        Flag("prepare", many=True),
        Flag("features", many=True),
        Flag("connect", many=True),
        Flag("spectral", many=True),
        Flag("night", many=True),
        Flag("check", many=True),
        Flag("simulate", many=True),
        Flag("rank", many=True),
        Flag("treatments"),
        Flag("page", many=True),
    ),
    "cohort": (
        Flag("nights"),
        Flag("people"),
        Flag("refused"),
        Flag("records", many=True),
        Flag("treatments"),
        Flag("quarantine"),
        Flag("page"),
        Flag("summary"),
    ),
}
"""Every step with its flags; each also takes ``--options``."""

NIGHT_BY_NIGHT = ("prepare",)
"""Steps that take one night, and are called once for each of the nights of a job."""

_OPTIONS = {
    "retrieve": "braintwin.options.retrieve:RetrieveOptions",
    "index": "braintwin.options.index:IndexOptions",
    "prepare": "braintwin.options.prepare:PrepareOptions",
    "hypnograms": "braintwin.options.hypnograms:HypnogramsOptions",
    "features": "braintwin.options.features:FeaturesOptions",
    "connect": "braintwin.options.connect:ConnectOptions",
    "fit-spectral": "braintwin.options.fit_spectral:FitSpectralOptions",
    "fit-nights": "braintwin.options.fit_nights:FitNightsOptions",
    "fit-population": "braintwin.options.fit_population:FitPopulationOptions",
    "fit-treatment": "braintwin.options.fit_treatment:FitTreatmentOptions",
    "check": "braintwin.options.check:CheckOptions",
    "simulate": "braintwin.options.simulate:SimulateOptions",
    "rank": "braintwin.options.rank:RankOptions",
    "pages": "braintwin.options.pages:PagesOptions",
    "cohort": "braintwin.options.pages:PagesOptions",
}


def step_module(step: str) -> str:
    """Return the module that carries out a step."""
    return f"braintwin.steps.{step.replace('-', '_')}"


def _parse(step: str, flag: str, parse: Callable[[str], Any] | str, text: str) -> Any:
    try:
        if isinstance(parse, str):
            return _load(parse).model_validate_json(text)
        return parse(text)
    except ValidationError as cause:
        found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in cause.errors())
        message = f"{step}: --{flag}: {found}"
        raise ConfigError(message) from None
    except ValueError as cause:
        message = f"{step}: --{flag}: {cause}"
        raise ConfigError(message) from None


def parser() -> argparse.ArgumentParser:
    """Return the parser of all steps."""
    top = argparse.ArgumentParser(prog="braintwin step", description="One step of the workflow, by hand.")
    commands = top.add_subparsers(dest="step", required=True, metavar="STEP")
    for step, flags in STEPS.items():
        command = commands.add_parser(step, help=f"see {step_module(step)}")
        for flag in flags:
            name = "--" + flag.name.replace("_", "-")
            command.add_argument(name, dest=flag.name, required=True, nargs="*" if flag.many else None)
        command.add_argument("--options", default="{}", help="the step's section of the config, as JSON")
    return top


def run(words: Sequence[str]) -> int:
    """Carry out one step."""
    given = vars(parser().parse_args(words))
    step = given.pop("step")
    options = _parse(step, "options", _OPTIONS[step], given.pop("options"))
    values: dict[str, Any] = {}
    for flag in STEPS[step]:
        text = given[flag.name]
        name = flag.name.replace("_", "-")
        values[flag.name] = (
            [_parse(step, name, flag.parse, t) for t in text] if flag.many else _parse(step, name, flag.parse, text)
        )
    COMMAND.set(shorten(["braintwin", "step", *words]))
    began = time.monotonic()
    threads = int(values.get("threads", 1))
    first = "numpy" not in sys.modules
    machine.own_threads(threads)
    machine.node_caches()
    machine.same_bits()
    logged = not sys.stderr.isatty()
    if logged:
        machine.log_head(words, threads)
        _say_progress()
    module = importlib.import_module(step_module(step))
    if first:
        machine.check_threads(threads)
    for arguments in _calls(step, values):
        module.run(**arguments, options=options)
    from braintwin.cli.job import record_job  # after the step, which has loaded what this needs

    record_job(step, values, options, step_module(step))
    if logged:
        machine.log_tail(time.monotonic() - began)
    return 0


def _say_progress() -> None:
    """Let long steps say in the log how far they are."""
    logger = logging.getLogger("braintwin")
    logger.setLevel(logging.INFO)
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        logger.addHandler(handler)


def _calls(step: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the arguments of each call: one, or as many as there are nights."""
    if step not in NIGHT_BY_NIGHT:
        return [values]
    many = [flag.name for flag in STEPS[step] if flag.many]
    counts = {name: len(values[name]) for name in many}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"--{name} {count}" for name, count in counts.items())
        message = f"{step}: expected as many of each file as nights, got {found}"
        raise ConfigError(message)
    return [{**values, **{name: values[name][i] for name in many}} for i in range(counts[many[0]])]
