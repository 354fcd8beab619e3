"""CPU seconds to simulate one person under every treatment of the library, on one core.

Three sizes: 200 draws of one night (asked: 0.15 s a person), what `simulate` does by default, with the population's
nights beside the person's, and 1,000 draws of 14 nights under one treatment, as `whatif` has them.
"""

import platform
import time
from pathlib import Path

import numpy as np

from braintwin.io.library import read_library
from braintwin.io.population import packaged_population, read_population
from braintwin.options.simulate import SimulateOptions
from braintwin.treatment.counterfactual import simulate_treatments
from braintwin.treatment.operators import Uncertainty, draw_operators, placebo_shift
from braintwin.treatment.scenario import Scenario, compare

LIBRARY = Path(__file__).parents[1] / "config" / "treatments.yaml"
ROUNDS = 5


def operators_of(library, draws):
    """Return draws of what every treatment does."""
    uncertainty, rng = Uncertainty(), np.random.default_rng(1)
    placebo = placebo_shift(library.meta, draws, rng, uncertainty)
    return {
        key: draw_operators(
            entry, library.meta, draws=draws, time_in_bed_min=480, placebo=placebo, rng=rng, uncertainty=uncertainty,
            arousal_rate=0.0,
        )
        for key, entry in library.choose(None).items()
    }  # fmt: skip


def cpu_seconds(function, rounds):
    """Return the least CPU seconds of a few calls; the first of a run compiles."""
    found = []
    for _ in range(rounds):
        begun = time.process_time()
        function()
        found.append(time.process_time() - begun)
    return min(found)


def main():
    """Print a row for each size."""
    library, population, rng = read_library(LIBRARY), read_population(packaged_population()), np.random.default_rng(0)
    default = SimulateOptions()

    def every(draws, replicates, who):
        operators = operators_of(library, draws)
        twins = [population.draw(rng, draws) for _ in range(who)]

        def simulated():
            for twin in twins:
                simulate_treatments(
                    population, twin, operators, time_in_bed_min=480, arousal_rate=0.0, replicates=replicates,
                    rng=np.random.default_rng(3),
                )  # fmt: skip

        return cpu_seconds(simulated, ROUNDS if draws * replicates < 1000 else 1)

    def asked():
        twin, operators = population.draw(rng, 1000), operators_of(library, 1000)["cbti"]

        def compared():
            compare(
                population, twin, operators, Scenario(nights=14), usual_min=480, arousal_rate=0.0,
                rng=np.random.default_rng(3),
            )  # fmt: skip

        return cpu_seconds(compared, 1)

    treatments = len(library.choose(None))
    print(f"machine: {platform.processor() or platform.machine()}, one core; {treatments} treatments, 480 min in bed")
    print(f"200 draws x 1 night        : {every(200, 1, 1):6.2f} s (0.15 asked)")
    size = f"{default.draws} draws x {default.replicates} nights, twice"
    print(f"{size:<27}: {every(default.draws, default.replicates, 2):6.2f} s (default of simulate)")
    print(f"1,000 draws x 14 nights    : {asked():6.2f} s (whatif, one treatment)")


if __name__ == "__main__":
    main()
