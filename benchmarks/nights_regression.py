"""What two nights of a person have in common, and what a regression on night 1 foretells of night 2, beside the twin.

    python benchmarks/nights_regression.py [people]

Sleep-EDF cassette. The correlation r of both nights' outcomes (and of the logarithms of their shares of the night),
given age, sex and length of the night, bounds what can be foretold: a normal forecast that knows night 1 is better in
CRPS than one that does not by 1 - sqrt(1 - r²). The regression is learned from all people but one: outcomes normal
about age, sex, length of night 2 and the share of night 1. Last, the skill of the same regression of square
roots and of logarithms of the shares, scored in minutes.
Needs the shared data (BRAINTWIN_DATA).
"""

import os
import sys
from pathlib import Path

import numpy as np
from scipy.stats import norm, pearsonr

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from braintwin.contracts.simulate import OUTCOMES
from braintwin.inference.night_scores import crps, outcome_values
from held_out_nights import SCORED, held_out_nights
from real_nights import cassette_pairs

QUANTILES = norm.ppf((np.arange(400) + 0.5) / 400)
TERMS = {
    "roots": (lambda value, length: np.sqrt(value / length), lambda root, length: np.maximum(root, 0) ** 2 * length),
    "logs": (lambda value, length: np.log((value + 3) / length), lambda log, length: np.exp(log) * length - 3),
}
"""Other terms in which a regression may be normal, and the way back."""


def crps_of_normal(mean: np.ndarray, sd: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the CRPS of normal forecasts, doi:10.1198/016214506000001437."""
    z = (seen - mean) / sd
    return np.asarray(sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi)))


def left_out(design: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the CRPS of each person, foretold by the regression on all others."""
    n, size = design.shape
    found = np.empty(n)
    for i in range(n):
        others = np.arange(n) != i
        slope, *_ = np.linalg.lstsq(design[others], seen[others], rcond=None)
        sd = np.sqrt(np.square(seen[others] - design[others] @ slope).sum() / (n - 1 - size))
        found[i] = crps_of_normal(design[i] @ slope, sd, seen[i])
    return found


def skill_in_other_terms(seen: np.ndarray, length: np.ndarray, about: np.ndarray, bent, back) -> float:
    """Return the skill % of night 1 (person, night) where bent shares are normal; `back` makes shares of them again."""
    first, second = (np.column_stack([about, length[:, i]]) for i in (0, 1))
    told = rest(bent(seen[:, 0], length[:, 0]), first)
    forecast = [np.empty((len(QUANTILES), len(seen))) for _ in range(2)]
    for design, made in zip((second, np.column_stack([second, told])), forecast, strict=True):
        for i in range(len(seen)):
            others = np.arange(len(seen)) != i
            y = bent(seen[others, 1], length[others, 1])
            slope, *_ = np.linalg.lstsq(design[others], y, rcond=None)
            sd = np.sqrt(np.square(y - design[others] @ slope).sum() / (len(y) - design.shape[1]))
            made[:, i] = back(design[i] @ slope + sd * QUANTILES, length[i, 1])
    alone, with_first = (crps(made, seen[:, 1]).mean() for made in forecast)
    return float(100 * (1 - with_first / alone))


def rest(values: np.ndarray, design: np.ndarray) -> np.ndarray:
    """Return what a regression leaves."""
    return np.asarray(values - design @ np.linalg.lstsq(design, values, rcond=None)[0])


def main(most: int | None = None) -> None:
    """Print correlation, bound, and the CRPS of regressions and twins."""
    data = Path(os.environ.get("BRAINTWIN_DATA", Path(__file__).parents[2] / "shared" / "data"))
    people = list(cassette_pairs(data).values())[:most]
    which = [OUTCOMES.index(name) for name in SCORED]
    seen = np.array(
        [[outcome_values(n.stages[None], lights_off_known=False)[0][which] for n in nights] for _, nights in people]
    )
    length = np.array([[len(n.stages) / 2 for n in nights] for _, nights in people])
    about = np.array([[1.0, *who.covariates()[:2]] for who, _ in people])
    first, second = (np.column_stack([about, length[:, i]]) for i in (0, 1))
    twins = held_out_nights(data, most=most)["outcomes"]
    print(f"{len(people)} people; CRPS in min, of awakenings in numbers; skill in %")
    print(f"{'':11s} {'minutes':>14s} {'logarithms':>14s} {'regression':>26s} {'twins':>33s}")
    print(f"{'':11s} {'r':>6s} {'bound':>7s} {'r':>6s} {'bound':>7s} {'alone':>9s} {'night 1':>8s} {'skill':>7s} "
          f"{'none':>9s} {'own':>7s} {'safe':>7s} {'skill':>7s} {'roots':>7s} {'logs':>7s}")  # fmt: skip
    for i, name in enumerate(SCORED):
        bounds = []
        for values in (seen[:, :, i], np.log((seen[:, :, i] + 3) / length)):
            r = pearsonr(rest(values[:, 0], first), rest(values[:, 1], second)).statistic
            bounds.append(f"{r:6.2f} {100 * (1 - np.sqrt(1 - r**2)):7.1f}")
        alone = left_out(second, seen[:, 1, i]).mean()
        with_first = left_out(np.column_stack([second, seen[:, 0, i] / length[:, 0]]), seen[:, 1, i]).mean()
        others = [skill_in_other_terms(seen[:, :, i], length, about, *terms) for terms in TERMS.values()]
        own, safe = twins["own"][name], twins["safe"][name]
        print(
            f"{name:11s} {' '.join(bounds)} {alone:9.2f} {with_first:8.2f} "
            f"{100 * (1 - with_first / alone):7.1f} {own['population_crps']:9.2f} {own['crps']:7.2f} "
            f"{safe['crps']:7.2f} {own['skill']:7.1f} {others[0]:7.1f} {others[1]:7.1f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
