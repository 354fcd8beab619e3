"""What is written down is what the code says: config, schema, rules."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

import braintwin
from braintwin.cli.api_reference import api_page
from braintwin.cli.reference import commands
from braintwin.cli.step import STEPS
from braintwin.config import Config, default_yaml, json_schema, load_config, parse_config
from braintwin.contracts.reference import reference
from braintwin.errors import ConfigError
from braintwin.io.library import read_library
from braintwin.treatment.calibration_page import calibration_page
from braintwin.treatment.reference import reference as treatments

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))


def test_config_yaml_is_what_the_options_say():
    assert (ROOT / "config" / "config.yaml").read_text(encoding="utf-8") == default_yaml(), "run `make config`"


def test_schema_is_what_the_options_say():
    assert (ROOT / "config" / "schema.json").read_text(encoding="utf-8") == json_schema(), "run `make config`"


def test_the_reference_of_artefacts_is_what_the_contracts_say():
    assert (ROOT / "docs" / "reference" / "artefacts.md").read_text(encoding="utf-8") == reference(), (
        "run `make config`"
    )


def test_the_reference_of_commands_is_what_the_commands_say():
    assert (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8") == commands(), "run `make config`"


def test_the_reference_of_python_holds_every_public_name_and_what_its_docstring_says():
    page = api_page()
    assert all(f"### bt.{name}\n" in page for name in braintwin.__all__ if not name.startswith("__"))
    assert "Twin.simulate(*treatments: str, dose_factor: float=1.0" in page
    assert "- `draws` (int):\n  Posterior draws." in page
    science = [p for p in (ROOT / "src" / "braintwin" / "signals").glob("*.py") if p.stem != "__init__"]
    assert all(f"### `braintwin.signals.{path.stem}`" in page for path in science)


def test_default_yaml_reads_back_as_the_defaults():
    assert load_config(ROOT / "config" / "config.yaml") == Config()


def test_schema_accepts_the_defaults_and_refuses_a_misspelt_key():
    schema = json.loads(json_schema())
    values = yaml.safe_load(default_yaml())
    jsonschema.validate(values, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**values, "prepair": {}}, schema)


def test_every_key_of_the_config_has_its_line_of_meaning():
    lines = default_yaml().splitlines()
    keys = [i for i, line in enumerate(lines) if re.match(r"^(  )*[a-zA-Z_]+:", line)]
    # Entries of a mapping (a dataset's or a band's name) stand under the comment of their mapping.
    bare = [lines[i] for i in keys if not lines[i - 1].lstrip().startswith("#")]
    assert {line.strip().split(":")[0] for line in bare} <= {"synthetic", "delta", "theta", "alpha", "sigma", "beta"}


@pytest.mark.parametrize("example", sorted((ROOT / "config" / "examples").glob("*.yaml")), ids=lambda p: p.stem)
def test_examples_are_valid(example):
    assert load_config(example).study


def test_a_wrong_key_is_named_with_the_nearest_known_one():
    with pytest.raises(ConfigError, match=r"'prepare\.sfrq' \(did you mean 'sfreq'\?\)"):
        parse_config({"prepare": {"sfrq": 100}})


def test_every_mistake_is_listed_at_once():
    with pytest.raises(ConfigError) as error:
        parse_config({"seed": -1, "fit_spectrl": {}, "rank": {"mcid": 0}})
    for word in ("seed", "fit_spectrl", "did you mean 'fit_spectral'", "rank.mcid"):
        assert word in str(error.value)


@pytest.mark.parametrize("text", ["datasets: {}\n", "datasets: {'a b': {source: x}}\n", "- a\n", "a: [\n"])
def test_a_config_that_is_none_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert "\n" not in str(error.value)


def test_the_snakefile_is_a_table_of_contents():
    text = (ROOT / "Snakefile").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    assert not re.search(r"^\s*def ", text, re.MULTILINE)


def blocks(path):
    """Return the text of each rule of a file."""
    text = path.read_text(encoding="utf-8")
    return re.split(r"^\s*rule\b", text, flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("path", [p for p in RULES if p.stem != "common"], ids=lambda p: p.stem)
def test_rules_only_call_a_step_and_say_what_goes_in_and_out(path):
    text = path.read_text(encoding="utf-8")
    assert re.search(r"^IN   .+\nOUT  .+", text, re.MULTILINE)
    for block in blocks(path):
        step = re.search(r'shell:\s+"braintwin step ([a-z-]+) ', block)
        assert step, "a rule must call `braintwin step`"
        assert "ENV" in block and "log:" in block and "code=code(" in block
        assert not re.search(r"^\s*(run|script|notebook):", block, re.MULTILINE)
        flags = {f.replace("-", "_") for f in re.findall(r"--([a-z-]+) ", block.split("shell:")[1])}
        assert flags - {"options"} == {flag.name for flag in STEPS[step[1]]}
        assert f'code("{step[1].replace("-", "_")}")' in block


def test_every_step_has_a_rule():
    called = {s for p in RULES for b in blocks(p) for s in re.findall(r'"braintwin step ([a-z-]+) ', b)}
    assert called == set(STEPS)


def test_the_reference_of_treatments_is_what_the_library_says():
    library = read_library(ROOT / "config" / "treatments.yaml")
    assert (ROOT / "docs" / "reference" / "treatments.md").read_text(encoding="utf-8") == treatments(library), (
        "docs/reference/treatments.md is stale: run `make config`"
    )
    assert all(f"`{key}` · " in treatments(library) for key in library.treatments)


def test_the_page_of_the_calibration_is_what_the_library_says():
    library = read_library(ROOT / "config" / "treatments.yaml")
    assert (ROOT / "docs" / "reference" / "calibration.md").read_text(encoding="utf-8") == calibration_page(library), (
        "docs/reference/calibration.md is stale: run `make config`"
    )
    assert all(f"`{key}` · " in calibration_page(library) for key in library.treatments)
