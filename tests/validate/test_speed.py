"""Speed against peers and naive versions in the same run: ratios alone, for seconds are the machine's."""

from speed_ratios import speed_ratios


def test_faster_than_peers_and_naive_versions(campaign) -> None:
    run = campaign(
        "speed",
        claim="Sampler, simulator and connectome are faster than the peers and naive versions that run beside them, "
        "each by more than its stated factor.",
        code=["braintwin.inference.nights", "braintwin.models.nights_simulator", "braintwin.signals.connectome"],
        data=["benchmarks/nights_sampler.py", "benchmarks/simulate.py", "benchmarks/connect.py",
              "tests/support/speed_ratios.py"],
        page="explanation/validation-study.md",
    )  # fmt: skip
    numbers = run.part("ratios", speed_ratios)
    slow = {name: row for name, row in numbers["ratios"].items() if row["ratio"] < row["at_least"]}
    run.finish(passed=not slow, numbers=numbers)
    assert not slow
