"""The whole config, composed of each step's options; writes `config.yaml` and `schema.json`.

Only the command line and the Snakefile import this module; a step gets its own section and nothing else.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo

from braintwin.errors import ConfigError, did_you_mean
from braintwin.options.base import Options, option
from braintwin.options.check import CheckOptions
from braintwin.options.connect import ConnectOptions
from braintwin.options.dataset import DatasetOptions
from braintwin.options.features import FeaturesOptions
from braintwin.options.fit_nights import FitNightsOptions
from braintwin.options.fit_population import FitPopulationOptions
from braintwin.options.fit_spectral import FitSpectralOptions
from braintwin.options.fit_treatment import FitTreatmentOptions
from braintwin.options.hypnograms import HypnogramsOptions
from braintwin.options.index import IndexOptions
from braintwin.options.pages import PagesOptions
from braintwin.options.prepare import PrepareOptions
from braintwin.options.rank import RankOptions
from braintwin.options.retrieve import RetrieveOptions
from braintwin.options.simulate import SimulateOptions
from braintwin.options.synthesize import SynthesizeOptions
from braintwin.options.virtual_trial import VirtualTrialOptions


class Config(Options):
    """A study: which datasets, and how each step works."""

    study: str = option(
        "demo", "Name of the study; results go to results/<study>.", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
    )
    seed: int = option(20260101, "Root of every random number; each (step, person) has a seed of its own.", ge=0)
    datasets: dict[str, DatasetOptions] = Field(
        default={"synthetic": DatasetOptions(source="synthetic:8", diagnosis="column:diagnosis")},
        min_length=1,
        description="The datasets of the study, by name (letters and digits).",
    )
    treatments: str = option("config/treatments.yaml", "The treatment library.")
    population: str = option(
        "src/braintwin/data/population.nc", "The population prior of the hypnogram twin; the packaged one where unset."
    )
    max_quarantined: float = option(
        0.5, "Share of nights in quarantine above which a run is called a failure.", ge=0, le=1
    )
    retrieve: RetrieveOptions = option(RetrieveOptions(), "How datasets are brought here.")
    synthesize: SynthesizeOptions = option(SynthesizeOptions(), "The embedded synthetic cohort.")
    index: IndexOptions = option(IndexOptions(), "Who is in the study.")
    prepare: PrepareOptions = option(PrepareOptions(), "How a night's signals are made ready.")
    hypnograms: HypnogramsOptions = option(HypnogramsOptions(), "How the stages are written as a BIDS derivative.")
    features: FeaturesOptions = option(FeaturesOptions(), "How spectra are estimated.")
    connect: ConnectOptions = option(ConnectOptions(), "How the connectome is estimated.")
    fit_spectral: FitSpectralOptions = option(FitSpectralOptions(), "How the corticothalamic twin is fitted.")
    fit_nights: FitNightsOptions = option(FitNightsOptions(), "How the hypnogram twin is fitted.")
    fit_population: FitPopulationOptions = option(
        FitPopulationOptions(), "How a population prior is learned; only `braintwin fit-population` does it."
    )
    fit_treatment: FitTreatmentOptions = option(
        FitTreatmentOptions(),
        "How a treatment is learned from a trial of your own; only `braintwin fit-treatment` does it.",
    )
    virtual_trial: VirtualTrialOptions = option(
        VirtualTrialOptions(), "How virtual trials are run; only `braintwin virtual-trial` does it."
    )
    check: CheckOptions = option(CheckOptions(), "The gates a fit must pass.")
    simulate: SimulateOptions = option(SimulateOptions(), "How treated nights are simulated.")
    rank: RankOptions = option(RankOptions(), "How treatments are compared.")
    pages: PagesOptions = option(PagesOptions(), "How the report is written.")

    @field_validator("datasets")
    @classmethod
    def _names(cls, datasets: dict[str, DatasetOptions]) -> dict[str, DatasetOptions]:
        for name in datasets:
            if not name.isalnum() or not name.isascii():
                message = f"dataset name {name!r} must be letters and digits only"
                raise ValueError(message)
        return datasets


def _fields_at(location: tuple[Any, ...]) -> list[str]:
    """Return the keys that are known where an error occurred."""
    model: Any = Config
    for part in location[:-1]:
        if isinstance(model, type) and issubclass(model, BaseModel) and part in model.model_fields:
            annotation = model.model_fields[part].annotation
            model = next(
                (a for a in get_args(annotation) if isinstance(a, type) and issubclass(a, BaseModel)), annotation
            )
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _sentence(error: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown key {key!r}{did_you_mean(str(error['loc'][-1]), _fields_at(tuple(error['loc'])))}"
    got = error.get("input")
    shown = "" if isinstance(got, dict) or error["type"] == "missing" else f" (got {got!r})"
    return f"{key}: {error['msg'].removeprefix('Value error, ')}{shown}"


def parse_config(values: Mapping[str, Any], where: str = "config") -> Config:
    """Return the config that `values` describe.

    Raises
    ------
    ConfigError
        Naming every wrong key at once, with the nearest known one.
    """
    try:
        return Config.model_validate(dict(values))
    except ValidationError as cause:
        sentences = "; ".join(_sentence(error) for error in cause.errors())
        message = f"{where}: {sentences}; config/config.yaml lists every key with its meaning"
        raise ConfigError(message) from None


def load_config(path: Path | str) -> Config:
    """Read a YAML config."""
    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        message = f"config {path.name}: no such file; name an existing one with --config"
        raise ConfigError(message) from None
    except yaml.YAMLError as cause:
        mark = getattr(cause, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark else ""
        message = f"config {path.name}{place}: not valid YAML ({getattr(cause, 'problem', cause)})"
        raise ConfigError(message) from None
    if not isinstance(values, dict):
        message = f"config {path.name}: expected keys and values, got {type(values).__name__}"
        raise ConfigError(message)
    return parse_config(values, path.name)


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(model: BaseModel, depth: int = 0) -> Iterator[str]:
    pad = "  " * depth
    for name, field in type(model).model_fields.items():
        yield f"{pad}# {_comment(field)}"
        yield from _entry(pad, name, getattr(model, name), depth)


def _entry(pad: str, name: str, value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield f"{pad}{name}:"
        yield from _lines(value, depth + 1)
    elif isinstance(value, dict) and value and all(isinstance(v, BaseModel) for v in value.values()):
        yield f"{pad}{name}:"
        for key, entry in value.items():
            yield f"{pad}  {key}:"
            yield from _lines(entry, depth + 2)
    elif isinstance(value, dict) and value:
        yield f"{pad}{name}:"
        yield from (f"{pad}  {key}: {_scalar(entry)}" for key, entry in value.items())
    else:
        yield f"{pad}{name}: {_scalar(value)}"


def _comment(field: FieldInfo) -> str:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    unit = f" [{extra['unit']}]" if extra.get("unit") else ""
    return f"{field.description}{unit}"


def default_yaml() -> str:
    """Return the text of `config/config.yaml`: every key with its default and one line of meaning."""
    head = "# Generated by `braintwin config --write` from src/braintwin/options; every key with its default.\n"
    return head + "# A study's own file needs only the keys that differ.\n\n" + "\n".join(_lines(Config())) + "\n"


def json_schema() -> str:
    """Return the text of `config/schema.json`."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
