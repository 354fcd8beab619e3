"""The pages: nothing is lost, nothing is claimed that was not found, the same input gives the same bytes."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from braintwin.contracts.tables import QUARANTINE_COLUMNS, NightRow, PersonRow, Status
from braintwin.errors import BrainTwinError
from braintwin.io.records import read_table, write_nights, write_people, write_table
from braintwin.options.pages import PagesOptions
from braintwin.paths import StudyPaths
from braintwin.report.limits import limits
from braintwin.report.render import RESEARCH_USE
from braintwin.steps import cohort, pages
from braintwin.steps.cohort import refused_nights, refused_people
from report_artefacts import cohort_arguments, page_arguments, write_study

VOID = {"meta", "link", "br", "img", "input", "path", "use", "image", "rect", "line", "stop"}
Study = tuple[StudyPaths, list[PersonRow], list[NightRow]]


class Outline(HTMLParser):
    """Levels of the headings, ids, tags that were left open, and addresses that are not on the page."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.images = 0
        self.unnamed = 0
        self.resources: list[str] = []
        self.bare_headers = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "svg":
            self.images += 1
            self.unnamed += not (given.get("role") == "img" and given.get("aria-label"))
        self.bare_headers += tag == "th" and "scope" not in given
        if tag in ("script", "img", "iframe", "link", "image"):
            address = given.get("src") or given.get("href") or given.get("xlink:href") or ""
            inline = tag == "script" and not address  # the page's own script stands in the page
            self.resources += [] if inline or address.startswith("data:") else [address or tag]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    written = write_study(tmp_path_factory.mktemp("lab") / "results" / "demo")
    pages.run(**page_arguments(*written), options=PagesOptions())
    cohort.run(**cohort_arguments(written[0], written[1]), options=PagesOptions())
    return written


def _text(study: Study, person: str) -> str:
    return study[0].person_page(person).read_text(encoding="utf-8")


def _visible(html: str) -> str:
    bare = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<script.*?</script>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", bare).split())


def test_every_page_is_whole_self_contained_and_accessible(study: Study) -> None:
    files = [study[0].cohort_page, *(study[0].person_page(p.person) for p in study[1])]
    for path in files:
        html = path.read_text(encoding="utf-8")
        outline = Outline()
        outline.feed(html)
        assert outline.open == []
        assert outline.levels[0] == 1
        assert outline.levels.count(1) == 1
        assert all(b <= a + 1 for a, b in zip(outline.levels, outline.levels[1:])), outline.levels
        assert len(outline.ids) == len(set(outline.ids))
        assert outline.unnamed == 0
        assert outline.bare_headers == 0
        assert outline.resources == []
        assert _visible(html).count(RESEARCH_USE) == 2
        assert path.stat().st_size < 1_500_000
        assert str(study[0].root) not in html


def test_words_that_a_measurement_may_not_use_are_absent(study: Study) -> None:
    for person in study[1]:
        # Labels, cautions and citations of the library are quoted and keep their own words.
        own = re.sub(r'<div class="sources">.*?</div>', "", _text(study, person.person), flags=re.DOTALL)
        words = _visible(own).replace(RESEARCH_USE, "").lower()
        assert not re.search(r"\bsignifican|\bprescri|\brecommend|\bnan\b|\bnone\b|&lt;na", words)


def test_a_failed_check_takes_the_ranking_off_the_page_whatever_rank_wrote(study: Study, tmp_path: Path) -> None:
    paths, people, nights = study
    copy = StudyPaths(tmp_path / "copy")
    shutil.copytree(paths.root, copy.root)
    for step in ("simulate", "rank"):
        for suffix in (".nc", ".status.json"):
            shutil.copy(copy.person("lab-001", step, suffix), copy.person("lab-003", step, suffix))
    failed = [p for p in people if p.person == "lab-003"]
    pages.run(**page_arguments(copy, failed, [n for n in nights if n.person == "lab-003"]), options=PagesOptions())
    words = _visible(copy.person_page("lab-003").read_text(encoding="utf-8"))
    assert "There is no ranking for this person." in words
    assert "R-hat 1.31 of “Wake → N1” is above 1.05" in words
    assert "Highest expected utility" not in words
    assert "P(best)" not in words
    cohort.run(**cohort_arguments(copy, people), options=PagesOptions())
    row = next(r for r in read_table(copy.root / "cohort" / "summary.tsv") if r["person"] == "lab-003")
    assert (row["ranking"], row["best"], row["verdict"]) == ("none", "", "fail")


def test_the_page_says_what_the_data_could_not(study: Study) -> None:
    whole, no_eeg, empty = (_visible(_text(study, p)) for p in ("lab-001", "lab-002", "lab-005"))
    assert "Personal" in whole
    assert "κ, the coupling on the graph, is the prior" in whole
    assert "Lights off is unknown" in whole
    assert "N1 is missing: 4 clean epochs, needs 10" in whole
    assert "no treatment of the library is for a person with diagnosis &#39;healthy&#39;" in no_eeg
    assert "Ranking is the population ranking" in _visible(_text(study, "lab-004"))
    assert "No night has EEG" in no_eeg
    assert "2 nights staged automatically (YASA)" in no_eeg
    assert "There are no spectra: lab-002-1 has no EEG" in no_eeg
    assert "There is no connectome: lab-002-1 has no EEG" in no_eeg
    assert "12 min of scored sleep" in empty
    assert "Gates" in whole


def test_how_nights_go_against_their_replicates(study: Study) -> None:
    whole, empty = (_text(study, p) for p in ("lab-001", "lab-005"))
    assert "survival of its bouts, against 95 % bands of replicated nights" in whole
    assert "transition frequencies by tenth of the night" in _visible(whole)
    assert "bands of replicated nights" not in empty
    together = study[0].cohort_page.read_text(encoding="utf-8")
    assert "40 replicates of them" in _visible(together)
    assert "Changes of stage an hour, by tenth of the night, against 95 % bands" in together


def test_numbers_on_the_page_are_those_of_the_ranking(study: Study) -> None:
    from braintwin.contracts.rank import RANKING
    from braintwin.io.arrays import read_dataset
    from braintwin.report.numbers import digits_for, fixed

    ranking = read_dataset(study[0].person("lab-001", "rank"), RANKING)
    words = _visible(_text(study, "lab-001"))
    for i in range(ranking.sizes["treatment"]):
        if str(ranking["treatment"].values[i]) != "none":
            digits = digits_for(float(ranking["utility_mcse"].values[i]), 1)
            value = fixed(float(ranking["expected_utility"].values[i]), digits, sign=True)
            assert re.search(rf"{re.escape(str(ranking['label'].values[i]))} .{{0,140}}?{re.escape(value)} ", words), (
                value
            )


def test_the_same_artefacts_give_the_same_bytes(study: Study, tmp_path: Path) -> None:
    paths, people, nights = study
    someone = [people[3]]
    copy = StudyPaths(tmp_path / "elsewhere")
    shutil.copytree(paths.root, copy.root, ignore=shutil.ignore_patterns("report"))
    pages.run(
        **page_arguments(copy, someone, [n for n in nights if n.person == someone[0].person]), options=PagesOptions()
    )
    # Alone instead of with the others, in another folder: neither may show.
    assert copy.person_page("lab-004").read_bytes() == paths.person_page("lab-004").read_bytes()


def test_every_night_found_is_used_or_in_quarantine_once(study: Study) -> None:
    rows = read_table(study[0].quarantine)
    nights = [row["night"] for row in rows if row["night"]]
    assert sorted(nights) == ["lab-004-2", "lab-005-1", "lab-005-2", "lab-900-1"]
    assert {row["step"] for row in rows if row["night"] == "lab-004-2"} == {"prepare"}
    assert [row["person"] for row in rows if not row["night"]] == ["lab-003", "lab-005"]
    words = _visible(study[0].cohort_page.read_text(encoding="utf-8"))
    assert "11 nights found = 7 used + 4 in quarantine" in words
    summary = read_table(study[0].root / "cohort" / "summary.tsv")
    assert sum(int(row["nights_used"]) for row in summary) == 7
    assert [row["ranking"] for row in summary] == ["personal", "none", "none", "population", "none"]


def test_the_cohort_says_what_connectomes_share_and_whether_they_are_personal(study: Study) -> None:
    words = _visible(study[0].cohort_page.read_text(encoding="utf-8"))
    assert "orthogonalised amplitude-envelope correlation (AEC)) of the 3 people with the same channels" in words
    rows = (study[0].root / "cohort" / "tables" / "connectomes.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "person,stage,nights,likeness,own_nights,others_nights"
    assert {row.split(",")[1] for row in rows[1:]} == {"W", "N2", "N3", "R"}  # N1 was never estimated
    likeness = [float(row.split(",")[3]) for row in rows[1:]]
    assert min(likeness) > 0.5  # the nights were drawn about one graph


def test_a_page_says_that_a_structural_graph_is_taken_as_known() -> None:
    given = {"check": None, "nights": 2, "eeg": 2, "staged": 0, "channels": 6, "onset_source": "", "weak": []}
    said = [
        limits(**given, connectome="", kappa_source="data", graph=graph, condition="")
        for graph in ("functional", "structural")
    ]
    (more,) = set(said[1]) - set(said[0])
    assert "structural connectome that was given" in more


def test_a_page_says_what_intervals_from_coherency_leave_out() -> None:
    given = {"check": None, "nights": 2, "eeg": 2, "staged": 0, "channels": 6, "onset_source": "", "weak": []}
    said = [
        limits(**given, connectome="", kappa_source=source, graph="functional", condition="")
        for source in ("data", "coherency")
    ]
    (more,) = set(said[1]) - set(said[0])
    assert "volume conduction" in more


def test_a_night_without_any_record_is_listed_and_absent_is_no_fault() -> None:
    rows = [NightRow(night=f"a-{i}", person="a", dataset="a", bids_path="x") for i in (1, 2, 3)]
    statuses = {
        "a-1": {"prepare": Status(step="prepare", owner="a-1", state="ok"), "features": _status("features", "absent")},
        "a-2": {"connect": _status("connect", "excluded"), "features": _status("features", "failed")},
    }
    lost = refused_nights(rows, statuses)
    assert [(row["night"], row["step"], row["state"]) for row in lost] == [
        ("a-2", "features", "failed"),
        ("a-3", "prepare", "failed"),
    ]


def test_a_person_is_listed_with_the_first_step_of_the_chain_and_the_spectral_twin_apart() -> None:
    statuses = {"a": {step: _status(step, "failed") for step in ("spectral", "simulate", "rank")}}
    assert [row["step"] for row in refused_people(["a", "b"], statuses)] == ["simulate", "spectral"]


def _status(step: str, state: str) -> Status:
    return Status.model_validate({"step": step, "owner": "x", "state": state, "reason": "why"})


def test_a_cohort_in_which_nobody_is_left_still_has_its_page(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path / "results" / "empty")
    write_nights(paths.nights, [])
    write_people(paths.people, [])
    refused = [{"night": "x-1", "person": "x-1", "step": "index", "state": "excluded", "reason": "no <signal>"}]
    write_table(paths.refused, QUARANTINE_COLUMNS, refused)
    cohort.run(**cohort_arguments(paths, []), options=PagesOptions())
    words = _visible(paths.cohort_page.read_text(encoding="utf-8"))
    assert "1 nights found = 0 used + 1 in quarantine" in words
    assert "no &lt;signal&gt;" in words


def test_a_page_of_a_stranger_is_refused(study: Study, tmp_path: Path) -> None:
    arguments = page_arguments(*study)
    with pytest.raises(BrainTwinError, match="lab-777 is not among the 5 people"):
        pages.run(**{**arguments, "page": [tmp_path / "lab-777.html"]}, options=PagesOptions())
