"""Is the hypnogram twin personal: Sleep-EDF cassette, learned from night 1, scored on night 2, population without them.

    python benchmarks/nights_person_test.py [people]

Log score against the population with age and sex, against other people's twins; 90 % coverage, widths and CRPS of
the outcomes. Needs the shared data (BRAINTWIN_DATA); BRAINTWIN_POPULATION names another population.
"""

import os
import sys
import time
from pathlib import Path

from scipy.stats import binom

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from braintwin.io.population import packaged_population, read_population
from held_out_nights import held_out_nights

DRAWS = 1000


def main(most: int | None = None) -> None:
    """Run the test and print its numbers."""
    began = time.process_time()
    data = Path(os.environ.get("BRAINTWIN_DATA", Path(__file__).parents[2] / "shared" / "data"))
    population = read_population(os.environ.get("BRAINTWIN_POPULATION", packaged_population()))
    found = held_out_nights(data, most=most, draws=DRAWS, population=population)
    people, evidence = found["people"], found["evidence"]
    print(
        f"{people} people; marginal likelihood with {DRAWS} draws: effective sample size least "
        f"{evidence['least_ess']:.0f}, median {evidence['median_ess']:.0f}; chained against joint evidence: mean "
        f"difference {evidence['chained_less_joint']:.3f}, largest {evidence['largest_difference']:.2f} nats"
    )
    for name, row in found["gains"].items():
        print(
            f"{name:34s} {row['mean']:6.2f}  95 % [{row['low']:.2f}, {row['high']:.2f}]  one-sided 95 % > "
            f"{row['bound']:.2f}  lose {row['lose']}/{row['people']}  worst {row['worst']:.2f}"
        )
    print(f"weights chosen on the other folds: {found['weights']}; on all: {found['weight_of_all']:.2f}")
    share, p = found["against_others"].values()
    print(f"own beats a random other's twin in {100 * share:.0f} % of pairs, permutation p = {p:.4f}")
    for kind, rows in found["outcomes"].items():
        print(f"\n{kind:11s} 90 % coverage [exact 95 %]      Holm p   width/pop (min)     CRPS skill % [95 %]")
        for name, row in rows.items():
            print(
                f"{name:11s} {row['covered']:.2f} [{row['covered_low']:.2f}, {row['covered_high']:.2f}] pop "
                f"{row['population_covered']:.2f}  {row['holm_p']:6.3f}   {row['width']:6.1f} / "
                f"{row['population_width']:6.1f}   {row['skill']:6.1f} "
                f"[{row['skill_low']:.1f}, {row['skill_high']:.1f}]"
            )
    least = int(binom.ppf(0.025, people, 0.9))
    print(f"\ncoverage compatible with .90 alone: {least} or more of {people}; CPU {time.process_time() - began:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
