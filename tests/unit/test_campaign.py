"""Evidence that goes on where it stopped and knows when it is out of date."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import campaign as campaigns
from campaign import Campaign, page, read, records, state

ROOT = Path(__file__).parents[2]
Make = Callable[..., Campaign]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(name: str = "coin", settings: dict[str, int] | None = None) -> Campaign:
        return Campaign(
            name, claim="Heads come up half the time.", code=["braintwin.contracts.stages"],
            settings=settings or {"n": 3},
            test="tests/validate/test_coin.py::test_coin", records=tmp_path / "records", parts=tmp_path / "parts",
        )  # fmt: skip

    return made


def test_interrupted_campaign_goes_on_where_it_stopped(make: Make) -> None:
    asked: list[str] = []

    def toss(key: str) -> int:
        if key == "2" and len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(key)
        return int(key) * 10

    with pytest.raises(KeyboardInterrupt):
        dict(make().each("012", toss))
    assert dict(make().each("012", lambda key: asked.append(key) or int(key) * 10)) == {"0": 0, "1": 10, "2": 20}
    assert asked == ["0", "1", "2"]


def test_other_settings_share_no_parts(make: Make) -> None:
    assert make(settings={"n": 1}).part("a", lambda: 1) == 1
    assert make(settings={"n": 2}).part("a", lambda: 2) == 2


def test_record_is_fresh_until_its_code_changes(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make()
    assert not run.fresh()
    run.finish(passed=True, numbers={"share": float("nan"), "by stage": {"N2": 0.512345}})
    assert run.fresh()
    assert not make(settings={"n": 4}).fresh()
    found = read(run.record)
    assert found is not None
    assert state(found) == "fresh"
    assert found["numbers"]["share"] is None
    monkeypatch.setattr(campaigns, "code_digest", lambda module: f"other {module}")
    assert state(found) == "stale"
    assert not make().fresh()


def test_failed_evidence_is_said_and_made_again(make: Make) -> None:
    run = make()
    run.finish(passed=False, numbers={"share": 0.4})
    assert not run.fresh()
    assert [state(record) for record in records(run.records)] == ["failed"]
    text = page(run.records)
    assert "does not hold" in text
    assert "| share | 0.4 |" in text
    assert "make validate ONLY=tests/validate/test_coin.py::test_coin" in text


def test_every_record_of_the_project_is_whole_and_on_the_page() -> None:
    found = records()
    for record in found:
        assert record.keys() >= {"claim", "passed", "numbers", "settings", "command", "code", "digest", "cpu_s"}
        node = record["command"].partition("ONLY=")[2]
        assert (ROOT / node.partition("::")[0]).is_file()
    if found:
        written = campaigns.PAGE.read_text(encoding="utf-8")
        assert all(f"## {record['name']}\n" in written for record in found)


def test_campaigns_run_only_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "validate"
    folder.mkdir(parents=True)
    (folder / "conftest.py").write_text((ROOT / "tests" / "validate" / "conftest.py").read_text())
    (folder / "test_one.py").write_text("def test_one(campaign):\n    assert campaign\n")
    (tmp_path / "tests" / "test_other.py").write_text("def test_other():\n    pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    validate: x\n")

    def collected(*words: str) -> str:
        command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *words]
        paths = {"PYTHONPATH": str(ROOT / "tests" / "support")}
        return subprocess.run(command, cwd=tmp_path, env=paths, capture_output=True, text=True, check=False).stdout

    ordinary, asked = collected(), collected("-m", "validate")
    assert "test_one" not in ordinary and "test_other" in ordinary
    assert "test_one" in asked and "test_other" not in asked
    assert "test_one" in collected("tests/validate")


def test_states_are_json(make: Make) -> None:
    run = make()
    run.finish(passed=True, numbers={})
    assert json.loads(run.record.read_text())["digest"] == run.digest
