"""The example configs are valid and say what the data need."""

from pathlib import Path

import pytest
import yaml

from braintwin.config import load_config, parse_config
from braintwin.errors import ConfigError
from braintwin.options.dataset import DatasetOptions

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_valid(path: Path) -> None:
    assert parse_config(yaml.safe_load(path.read_text(encoding="utf-8"))).study == path.stem


def test_hypnograms() -> None:
    config = load_config(EXAMPLES / "hypnograms.yaml")
    boas = config.datasets["boas"]
    assert boas.person_column == "pid"
    assert {code: boas.stages.codes[code] for code in "01234"} == dict(zip("01234", ("W", "N1", "N2", "N3", "R")))
    assert config.datasets["sleepedf"].conditions == {"placebo_night": "placebo", "temazepam_night": "temazepam"}
    assert config.index.batch_size == 32


@pytest.mark.parametrize("codes", [{0: "Wake"}, {0: "N4"}, {0: 1}])
def test_a_code_must_mean_a_stage(codes: dict[int, object]) -> None:
    with pytest.raises(ConfigError, match=r"stages\.codes\.0: .*'W', 'N1', 'N2', 'N3', 'R' or '\?'"):
        parse_config({"datasets": {"d": {"source": "x", "stages": {"codes": codes}}}})


@pytest.mark.parametrize("checksum", ["sha256:12", "0" * 64, "sha1:" + "0" * 40])
def test_a_checksum_must_be_whole(checksum: str) -> None:
    with pytest.raises(ConfigError, match="checksum"):
        parse_config({"datasets": {"d": {"source": "x", "checksum": checksum}}})


def test_codes_of_the_step_are_those_of_the_config() -> None:
    options = DatasetOptions.model_validate({"source": "x", "stages": {"codes": {0: "W", "R": "R"}}})
    assert DatasetOptions.model_validate_json(options.model_dump_json()) == options
