"""The record of a job whose outputs carry no stamp."""

import json

from braintwin.cli.job import record_job
from braintwin.options.pages import PagesOptions
from braintwin.paths import StudyPaths


def recorded(study: StudyPaths) -> list[dict[str, str]]:
    records = [
        json.loads(path.read_text(encoding="utf-8")) for path in (study.root / "provenance").glob("cohort-*.json")
    ]
    return [record["outputs"] for record in records]


def test_a_record_takes_the_place_of_one_that_claims_the_same_files(tmp_path):
    """As after an upgrade that gives the job one table more: two records would speak for one file."""
    study = StudyPaths(tmp_path / "results" / "lab")
    given = {"page": study.cohort_page, "summary": study.summary, "quarantine": study.quarantine}
    for path in given.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("first", encoding="utf-8")
    record_job("cohort", given, PagesOptions(), "braintwin.steps.cohort")
    (first,) = recorded(study)
    assert len(first) == 3
    other = study.job("pages", "0")
    other.write_text(json.dumps({"outputs": first}), encoding="utf-8")  # another step's stays
    table = study.summary.parent / "tables" / "people.csv"
    table.parent.mkdir()
    table.write_text("more", encoding="utf-8")
    record_job("cohort", given, PagesOptions(), "braintwin.steps.cohort")
    (second,) = recorded(study)
    assert len(second) == 4
    assert other.is_file()
