"""Predictive checks as published for this class of model, on real nights that nothing was fitted to.

    python benchmarks/nights_predictive_check.py [replicates]

Second nights of Sleep-EDF cassette, by the twin of the person's first night and by the population with age and sex,
both learned without the person's fold: stage shares and transition frequencies in ten equal parts of the night, and
survival of bouts, against 95 % bands of replicated nights. Needs the shared data (BRAINTWIN_DATA).
"""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from braintwin.contracts.stages import STAGES
from braintwin.inference.night_checks import BLOCKS, PredictiveCheck, check_profiles, statistics, worst
from braintwin.inference.night_evidence import night_evidence, prior_belief
from braintwin.inference.night_scores import replicate
from braintwin.inference.nights import count
from braintwin.inference.person_test import OWN_WEIGHT
from braintwin.io.population import packaged_population, read_population
from braintwin.models.hypnogram import TRANSITION_NAMES
from braintwin.models.night_profile import BOUT_EDGES_MIN, Profile, profiles
from braintwin.models.population import Draws, Population, hashed, scales
from support.real_nights import cassette_pairs


def geometric(population: Population) -> Population:
    """Return the population without what depends on the time in stage: it must be found out."""
    return replace(population, dwell_effect=np.zeros_like(population.dwell_effect))


def constant(population: Population) -> Population:
    """Return the population with constant hazards: it must be found out."""
    names = ("time_effect", "dwell_effect", "pressure_effect", "clock_effect", "load_effect", "recent_effect")
    return replace(population, **{name: np.zeros_like(getattr(population, name)) for name in names})


def line(name: str, checks: dict[str, PredictiveCheck]) -> None:
    """Print the three blocks of one check."""
    parts = [
        f"{100 * checks[b].inside:3.0f} / {100 * checks[b].expected:3.0f} %  p {checks[b].p_value:.3f}" for b in BLOCKS
    ]
    print(f"{name:38s} " + "   ".join(parts), flush=True)


def farthest(checks: dict[str, PredictiveCheck], most: int = 6) -> None:
    """Print what lies farthest outside its band, in half-widths of the band."""
    edges = [f"{edge:g} min" for edge in BOUT_EDGES_MIN]
    names = {
        "stages": [f"{s} in tenth {i + 1}, %" for i in range(10) for s in STAGES],
        "changes": [f"{t} in tenth {i + 1}, an hour" for i in range(10) for t in TRANSITION_NAMES],
        "bouts": [f"bouts of {s} over {e}, %" for s in STAGES for e in edges],
    }
    for block in BLOCKS:
        found = checks[block]
        seen, low, middle, high = (x.ravel() for x in (found.observed, found.low, found.middle, found.high))
        far = np.where(seen > middle, (seen - middle) / np.maximum(high - middle, 1e-9),
                       (middle - seen) / np.maximum(middle - low, 1e-9))  # fmt: skip
        for j in np.argsort(-far)[:most]:
            if far[j] > 1 and high[j] > 0:
                print(f"  {names[block][j]:28s} {seen[j]:7.2f}  band {low[j]:7.2f} to {high[j]:7.2f}")


def main(replicates: int = 400) -> dict[str, float]:
    """Run the checks and return their main numbers."""
    began = time.process_time()
    rng = np.random.default_rng(31)
    data = Path(os.environ.get("BRAINTWIN_DATA", Path(__file__).parents[2] / "shared" / "data"))
    population = read_population(os.environ.get("BRAINTWIN_POPULATION", packaged_population()))
    totals: dict[str, Profile] = {}
    seen_total: Profile | None = None
    single: dict[str, list[float]] = {"own": [], "population": []}
    inside: dict[str, list[list[float]]] = {"own": [], "population": []}
    minutes = []
    people = cassette_pairs(data)
    for name, (who, nights) in people.items():
        variant = population.unpacked(population.left_out[population.trained[hashed(name)]])
        first = night_evidence(
            variant, count(nights[:1]), prior_belief(variant, who), first=True, who=who, rng=rng, draws=replicates
        )
        sd, corr = scales(variant.night_covariance(who))
        own = Draws(first.person, np.zeros_like(first.person), np.broadcast_to(sd, first.person.shape).copy(), corr)
        base = variant.draw(rng, replicates, who)
        mine = ((np.arange(replicates) * 0.6180339887498949) % 1 < OWN_WEIGHT)[:, None]
        safe = replace(own, person_effect=np.where(mine, own.person_effect, base.person_effect))
        night = nights[1].stages[None]
        no = np.zeros(1, dtype=bool)
        seen = profiles(night, False).summed()
        seen_total = seen if seen_total is None else seen_total.plus(seen)
        minutes.append(100 * (night == 0).mean())
        kinds = {
            "own": (variant, own), "safe": (variant, safe), "population": (variant, base),
            "population, geometric dwell": (geometric(variant), base),
            "population, constant hazards": (constant(variant), base),
        }  # fmt: skip
        for kind, (model, draws) in kinds.items():
            made = replicate(model, draws, night, no, no, rng=rng)
            totals[kind] = made if kind not in totals else totals[kind].plus(made)
            if kind in single:
                checks = check_profiles(seen, made)
                single[kind].append(worst(checks)[0])
                inside[kind].append([checks[b].inside - checks[b].expected for b in BLOCKS])
    assert seen_total is not None
    print(f"{len(people)} second nights, {replicates} replicates; inside the 95 % bands / expected, p of the block")
    print(f"{'all nights together':38s} " + "   ".join(f"{b:22s}" for b in BLOCKS))
    numbers: dict[str, float] = {}
    for kind, made in totals.items():
        checks = check_profiles(seen_total, made)
        line(kind, checks)
        numbers |= {f"{kind}/{b}/inside": checks[b].inside for b in BLOCKS}
        numbers |= {f"{kind}/{b}/p": checks[b].p_value for b in BLOCKS}
    print("\neach night by itself: nights with adjusted p <= .05, and inside less expected (mean, points)")
    for kind, found in single.items():
        flagged = int((np.array(found) <= 0.05).sum())
        gaps = 100 * np.array(inside[kind]).mean(axis=0)
        print(f"{kind:38s} {flagged} of {len(found)}   " + "   ".join(f"{b} {g:+.1f}" for b, g in zip(BLOCKS, gaps)))
        numbers[f"{kind}/flagged"] = flagged
    print("\nfarthest outside their bands, population:")
    farthest(check_profiles(seen_total, totals["population"]))
    print("\nstages over the night, % (seen / population's median), tenths 1 to 10:")
    check = check_profiles(seen_total, totals["population"])["stages"]
    for i, stage in enumerate(STAGES):
        pairs = zip(check.observed[:, i], check.middle[:, i])
        print(f"  {stage:3s}" + "  ".join(f"{a:4.1f}/{b:4.1f}" for a, b in pairs))
    print(f"statistics per night: {sum(v.size for v in statistics(seen_total).values())}; CPU "
          f"{time.process_time() - began:.0f} s")  # fmt: skip
    return numbers


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
