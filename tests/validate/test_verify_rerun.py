"""The worked example from its data on: every step carried out again, every published number compared in tolerance."""

from braintwin.review.compare import tally
from braintwin.review.verify import Request, verify
from example_study import ARCHIVE

STEPS = ("prepare", "features", "connect", "fit_spectral", "fit_nights", "check", "simulate", "rank", "cohort")


def test_the_published_numbers_come_out_again_from_the_data(campaign):
    run = campaign(
        "verify-rerun",
        claim="Run again from its data, the published example's numbers are identical or within Monte-Carlo tolerance.",
        code=["braintwin.review.verify", *(f"braintwin.steps.{step}" for step in STEPS)],
        data=["src/braintwin/data/population.nc", "studies/example/expected/example.braintwin.zip"],
        settings={"study": "example"},
    )

    def again(_: str) -> dict[str, int]:
        report = verify(ARCHIVE, Request(source="data"))
        assert report.recomputed, report.faults
        return {**tally(report.numbers), "numbers": len(report.numbers)}

    ((_, counts),) = run.each(["example"], again)
    passed = counts["different"] == 0 and counts["numbers"] > 5000
    run.finish(passed=passed, numbers=counts)
    assert passed, counts
