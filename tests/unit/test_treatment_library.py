"""The library refuses what it cannot stand for, all at once."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from braintwin.errors import ConfigError
from braintwin.io.library import read_library
from braintwin.treatment.library import parse_library

LIBRARY = Path(__file__).parents[2] / "config" / "treatments.yaml"


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    return yaml.load(LIBRARY.read_text(encoding="utf-8"), yaml.CSafeLoader)


@pytest.fixture
def values(shipped: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(shipped)


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_library(values, "mine.yaml")
    return str(caught.value)


def test_shipped_library_is_valid_and_complete() -> None:
    library = read_library(LIBRARY)
    assert len(library.treatments) == 26
    assert all(t.sources for t in library.treatments.values())
    marks = {e.prov for t in library.treatments.values() for e in t.effects.values()}
    assert marks == {"read", "recall", "derived", "assumed", "read-secondary-unverified"}
    assert library.treatments["caffeine"].control
    assert {k for k, t in library.treatments.items() if t.exploratory} == {"acoustic_so", "tes", "music"}
    assert all(t.burden.prov == "assumed" for t in library.treatments.values())


def test_no_change_and_placebo_are_always_in() -> None:
    library = read_library(LIBRARY)
    assert list(library.choose(["cbti"])) == ["none", "placebo", "cbti"]
    assert len(library.choose(None)) == 27


def test_unknown_treatment_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'zolpidem_01' \(did you mean 'zolpidem_10'\?\)"):
        read_library(LIBRARY).choose(["zolpidem_01"])


def test_every_problem_is_listed_at_once_with_treatment_and_key(values: dict[str, Any]) -> None:
    del values["treatments"]["cbti"]["sources"]
    values["treatments"]["zolpidem_10"]["sources"] = []
    del values["treatments"]["melatonin"]["effects"]["SOL_min"]["prov"]
    values["treatments"]["music"]["effects"]["SOL_min"]["prov"] = "guess"
    values["treatments"]["cpap"]["exploratry"] = True
    values["treatments"]["mad"]["burden"]["value"] = 3
    message = refusal(values)
    assert message.startswith("treatment library mine.yaml: 6 problem(s)")
    for part in (
        "cbti: sources is absent",
        "zolpidem_10: sources: List should have at least 1 item",
        "melatonin: effects.SOL_min.prov is absent",
        "music: effects.SOL_min.prov: Input should be 'read'",
        "cpap: exploratry is not a key (did you mean 'exploratory'?)",
        "mad: burden.value: Input should be less than or equal to 1 (got 3)",
    ):
        assert part in message


def test_a_simulated_effect_needs_its_error(values: dict[str, Any]) -> None:
    del values["treatments"]["doxepin_3"]["effects"]["WASO_min"]["se"]
    assert "doxepin_3: effects WASO_min are simulated and need a standard error" in refusal(values)


def test_placebo_is_required_and_none_is_reserved(values: dict[str, Any]) -> None:
    block = values["treatments"].pop("placebo")
    assert "'placebo' is absent" in refusal(values)
    values["treatments"] |= {"placebo": block, "none": block}
    assert "'none' is built in" in refusal(values)


def test_a_treatment_is_one_block(values: dict[str, Any]) -> None:
    values["treatments"]["warm_bath"] = {
        "label": "Warm bath", "cls": "behavioural", "eligible": ["insomnia"], "comparator": "no bath",
        "reference": "untreated", "scale": "PSG", "instrument": "psg", "horizon_weeks": 2,
        "effects": {"SOL_min": {"mean": -8, "se": 2, "prov": "recall"}},
        "burden": {"value": 0.2, "prov": "assumed"}, "harms": {},
        "sources": [{"citation": "Haghayegh 2019 Sleep Med Rev", "provenance": "recall"}],
    }  # fmt: skip
    assert "warm_bath" in parse_library(values, "mine.yaml").choose(None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, "no such file"), ("a: [1", "not valid YAML"), ("- 1", "expected keys and values, got list")],
)
def test_unreadable_files_are_told_in_one_line(tmp_path: Path, text: str | None, expected: str) -> None:
    path = tmp_path / "treatments.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=expected):
        read_library(path)


def test_harm_is_a_log_odds_ratio_whatever_the_scale_it_was_read_on() -> None:
    treatments = read_library(LIBRARY).treatments
    assert treatments["zolpidem_10"].harm() == pytest.approx((0.582, 0.179), abs=1e-3)
    assert treatments["temazepam_15_30"].harm() == (0.4, 0.3)
    assert treatments["light_therapy"].harm() == (0.0, 0.0)
