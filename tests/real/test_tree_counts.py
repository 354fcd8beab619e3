"""Every tree of real data indexes to counts that are derived here without the program: with tarfile and pandas alone.

A night is one combination of sub, ses and run in a file of an eeg folder of task sleep. It is staged where a table of
the kind that the dataset documents holds at least one stage; the rule of each dataset stands in :data:`RULES`. All
signal files of these trees are absent (pointer texts, broken links, or left out), so an unstaged night is refused.
"""

import io
import re
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

from braintwin.contracts.tables import DatasetRecord
from braintwin.io.bids import find_root
from braintwin.options.dataset import DatasetOptions
from braintwin.options.index import IndexOptions
from braintwin.steps.index import Found, index_datasets

pytestmark = pytest.mark.real

WORDS = {"Wake", "N1", "N2", "N3", "REM", "W", "R"}


@dataclass(frozen=True)
class Rule:
    """How the stages of one tree are known, and the config that says so to the program."""

    table: str
    column: str
    stages: set[str]
    config: dict = field(default_factory=dict)
    person: str = "participant_id"


RULES = {
    "ds005555": Rule(
        r"acq-psg_events\.tsv$", "stage_hum", {"0", "1", "2", "3", "4"},
        {"person_column": "pid", "stages": {"column": "stage_hum", "acquisition": "psg",
                                            "codes": {"0": "W", "1": "N1", "2": "N2", "3": "N3", "4": "R"}}},
        "pid",
    ),
    "nm000185": Rule(
        r"_events\.tsv$", "trial_type", WORDS,
        {"conditions": {"placebo_night": "placebo", "temazepam_night": "temazepam"}},
    ),
    "nm000225": Rule(r"_events\.tsv$", "trial_type", WORDS),
    "ds005207": Rule(r"acq-PSGScoring_events\.tsv$", "staging", {"1", "2", "3", "4", "5"}),
    "on005178": Rule(r"acq-scoring_events\.tsv$", "scoring", WORDS),
    "ds005530": Rule(r"_events\.tsv$", "trial_type", WORDS),
    "ds006695": Rule(r"_events\.tsv$", "trial_type", WORDS),
    "ds003768": Rule(
        r"sourcedata/sub-\d+-sleep-stage\.tsv$", "30-sec_epoch_sleep_stage", {"W", "R", "1", "2", "3"},
        {"stages": {"file": "sourcedata/sub-{sub}-sleep-stage.tsv", "column": "30-sec_epoch_sleep_stage",
                    "rows": {"session": "task-sleep_run-1"}, "codes": {"1": "N1", "2": "N2", "3": "N3"}}},
    ),
}  # fmt: skip

COUNTS = {
    # tree: nights, of them staged, people with a staged night; as the derivation below gave them when it was written
    "ds005555": (128, 128, 100),
    "nm000185": (123, 123, 63),
    "nm000225": (1479, 728, 728),
    "ds005207": (20, 20, 20),
    "on005178": (120, 20, 10),
    "ds005530": (21, 0, 0),
    "ds006695": (19, 0, 0),
    "ds003768": (33, 31, 31),
}


@dataclass
class Derived:
    """What a tree holds, counted without the program."""

    nights: set[tuple[str, ...]] = field(default_factory=set)
    staged: set[tuple[str, ...]] = field(default_factory=set)
    people: set[str] = field(default_factory=set)


def key(path: str) -> tuple[str, ...]:
    """Return sub, ses and run of a path."""
    return tuple(
        (re.search(rf"(?:^|[/_]){name}-([A-Za-z0-9]+)", path) or ["", ""])[1] for name in ("sub", "ses", "run")
    )


def table(raw: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(raw), sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig")


def derive(archive: Path, rule: Rule) -> Derived:
    found = Derived()
    tables: dict[tuple[str, ...], pd.DataFrame] = {}
    person: dict[str, str] = {}
    with tarfile.open(archive) as members:
        for member in members:
            inside = member.name.partition("/")[2]
            if re.search(r"/eeg/[^/]*task-sleep[^/]*_(eeg|channels|events)\.\w+$", inside, re.IGNORECASE):
                found.nights.add(key(inside))
            if inside == "participants.tsv":
                rows = table(members.extractfile(member).read())
                person = dict(zip(rows["participant_id"].str.removeprefix("sub-"), rows[rule.person]))
            if re.search(rule.table, inside):
                raw = members.extractfile(member).read()
                if not raw.startswith(b"/annex"):
                    tables[key(inside)] = table(raw)
    for night, rows in tables.items():
        if "session" in rows:  # ds003768: the first recording of sleep
            found.nights.add(night)
            rows = rows[rows["session"] == "task-sleep_run-1"]
        if rule.column in rows and rows[rule.column].isin(rule.stages).any():
            found.staged.add(night)
            found.people.add(person.get(night[0], night[0]).removeprefix("sub-"))
    return found


def index(archive: Path, rule: Rule, folder: Path) -> Found:
    with tarfile.open(archive) as members:
        members.extractall(folder)
    dataset = DatasetOptions.model_validate({"source": "tree", **rule.config})
    root = find_root(folder, "", "tree")
    record = DatasetRecord(name="d", root=str(root), kind="local", source="tree")
    return index_datasets([record], {"d": dataset}, IndexOptions())


@pytest.mark.parametrize("name", RULES)
def test_counts_of_a_tree(name: str, real_data: Path, tmp_path: Path) -> None:
    rule = RULES[name]
    truth = derive(real_data / "bids" / f"{name}.tar.gz", rule)
    assert (len(truth.nights), len(truth.staged), len(truth.people)) == COUNTS[name]
    found = index(real_data / "bids" / f"{name}.tar.gz", rule, tmp_path)
    assert {key(row.stages) for row in found.nights} == truth.staged
    assert all(row.has_stages and not row.has_eeg for row in found.nights)
    assert len(found.people) == len(truth.people)
    # a participant who is listed without any file is refused too, and is no night
    without_files = [row for row in found.refused if "for this participant" in row["reason"]]
    assert len(found.refused) - len(without_files) == len(truth.nights - truth.staged)
    assert found.ignored == 0


def test_the_crossover_of_sleep_edf(real_data: Path, tmp_path: Path) -> None:
    """Ten people have a night on placebo and one on temazepam; participants.tsv says which."""
    archive = real_data / "bids" / "nm000185.tar.gz"
    with tarfile.open(archive) as members:
        rows = table(members.extractfile("nm000185/participants.tsv").read())
    truth = set()
    for _, row in rows[rows["study"] == "telemetry"].iterrows():
        sub = row["participant_id"].removeprefix("sub-")
        truth |= {(sub, f"night{row[f'{c}_night']}", c) for c in ("placebo", "temazepam")}
    found = index(archive, RULES["nm000185"], tmp_path)
    assert {(*key(row.stages)[:2], row.condition) for row in found.nights if row.condition} == truth
    assert len(truth) == 20


def test_one_real_night_with_its_signal(real_data: Path) -> None:
    root = real_data / "ucddb" / "bids"
    listed = pd.read_csv(root / "participants.tsv", sep="\t")
    signals = [path for path in root.rglob("*_eeg.edf") if path.stat().st_size > 1e6]
    record = DatasetRecord(name="d", root=str(root), kind="local", source="tree")
    found = index_datasets([record], {"d": DatasetOptions(source="tree")}, IndexOptions())
    assert len(signals) == sum(row.has_eeg for row in found.nights) == len(listed) == len(found.people) == 1
    assert all(row.has_stages for row in found.nights)
