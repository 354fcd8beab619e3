"""``braintwin step rank``: which treatment, for whom, and whether anything can be said at all."""

import json
from pathlib import Path

import numpy as np
import xarray as xr

import braintwin
from braintwin.contracts.check import PersonCheck
from braintwin.contracts.rank import RANKING
from braintwin.contracts.simulate import OUTCOMES, SIMULATED
from braintwin.errors import BrainTwinError, FitFailed, NightExcluded
from braintwin.io.arrays import write_dataset
from braintwin.io.groups import read_quickly
from braintwin.io.library import read_library
from braintwin.io.quick import write_quickly
from braintwin.io.records import guarded, read_json, require_ok
from braintwin.options.rank import RankOptions
from braintwin.paths import owner
from braintwin.provenance import derive_seed, stamp
from braintwin.treatment.decision import GUIDELINE, SOURCES, acceptability, shift_of_utility, uncertainty_shares
from braintwin.treatment.evidence import Treatment
from braintwin.treatment.library import NO_CHANGE, Library, no_change
from braintwin.treatment.personal import personalisation
from braintwin.treatment.ranking import QUANTILES
from braintwin.treatment.ranking import rank as rank_treatments
from braintwin.treatment.utility import components, weight_factors

NOT_SHOWN = "ranking is the population ranking: on unseen nights this person's twin did worse than the population"


def run(
    *, simulate: list[Path], check: list[Path], treatments: Path, rank: list[Path], seed: int, options: RankOptions
) -> None:
    """Rank the treatments of every person of a batch.

    A person without simulated nights, or whose check failed, gets an empty ranking that carries the reason.
    """
    library = read_library(treatments)
    simulated, checks = ({owner(path): path for path in paths} for paths in (simulate, check))
    for target in rank:
        person = owner(target)
        provenance = stamp(
            version=braintwin.__version__, step="rank", module=__name__, options=options.model_dump(),
            inputs=[simulated[person], checks[person], treatments], seed=derive_seed(seed, "rank", person),
        )  # fmt: skip
        refused = {"person": person, "verdict": "none", "weights": _weights(options)}

        def write_empty(
            target: Path = target, attrs: dict[str, str] = refused, provenance: dict[str, str] = provenance
        ) -> None:
            write_dataset(target, RANKING.empty({"quantile": 0}, attrs), RANKING, provenance)

        with guarded(target, "rank", write_empty):
            try:
                require_ok(simulated[person])
                verdict = read_json(checks[person], PersonCheck)
                if verdict.verdict == "fail":
                    message = f"no ranking, because the check failed: {' '.join(verdict.reasons)}"
                    raise FitFailed(message)
                result = rank_person(read_quickly(simulated[person], SIMULATED), library, seed, options)
            except (FitFailed, NightExcluded) as refusal:
                refused["reason"] = str(refusal)
                raise
            write_quickly(target, result, RANKING, provenance)


def rank_person(simulated: xr.Dataset, library: Library, seed: int, options: RankOptions) -> xr.Dataset:
    """Return the ranking of one person, under the contract RANKING."""
    person = str(simulated.attrs["person"])
    keys = [str(key) for key in simulated["treatment"].to_numpy()]
    blocks = _blocks(keys, library)
    reasons = [
        why_not(key, block, bool(eligible), str(reason), "" if key == NO_CHANGE else library.shortcoming(key))
        for key, block, eligible, reason in zip(
            keys, blocks, simulated["eligible"].to_numpy(), simulated["ineligible_reason"].to_numpy()
        )
    ]
    candidate = np.array([not reason for reason in reasons])
    outcome = simulated["outcome_value"].to_numpy()
    others = simulated["population_outcome_value"].to_numpy()
    harm, burden = _harms(keys, blocks, outcome.shape[1], seed), np.array([block.burden.value for block in blocks])
    weights, reference = options.weights.model_dump(), keys.index(NO_CHANGE)
    names, own_part = components(outcome, reference, harm, burden, weights)
    _, others_part = components(others, reference, harm, burden, weights)
    own, population = own_part.sum(axis=0), others_part.sum(axis=0)

    rng = np.random.default_rng(derive_seed(seed, "rank/personal", person))
    found = personalisation(own[candidate], population[candidate], permutations=options.null_permutations, rng=rng)
    verdict, reason = _verdict(found.index, found.null, int(candidate.sum()), str(simulated.attrs["condition"]))
    if verdict == "personal" and simulated.attrs.get("personal_verdict") == "population":
        verdict, reason = "population", NOT_SHOWN
    used, part, change = (
        (population, others_part, others - others[reference])
        if verdict == "population"
        else (own, own_part, outcome - outcome[reference])
    )
    ranking = rank_treatments(used, candidate, mcid=options.mcid, near_tie_probability=options.near_tie_probability)
    rng = np.random.default_rng(derive_seed(seed, "rank/weights", person))
    factors = weight_factors(names, options.weight_samples, options.weight_concentration, rng)
    by_weights = acceptability(part, factors, candidate)
    of_order, of_treatment = _uncertainty(simulated, harm, own, candidate)
    moved, same = shift_of_utility(own.mean(axis=1), population.mean(axis=1), candidate)
    dataset = xr.Dataset(
        {
            "expected_utility": ("treatment", ranking.expected_utility),
            "utility_sd": ("treatment", ranking.utility_sd),
            "utility_mcse": ("treatment", ranking.utility_mcse),
            "utility_quantile": (("treatment", "quantile"), ranking.utility_quantile),
            "p_best": ("treatment", ranking.p_best),
            "expected_regret": ("treatment", ranking.expected_regret),
            "sucra": ("treatment", ranking.sucra),
            "rank_probability": (("treatment", "rank"), ranking.rank_probability),
            "near_tie": ("treatment", ranking.near_tie),
            "candidate": ("treatment", candidate),
            "ineligible_reason": ("treatment", simulated["ineligible_reason"].to_numpy()),
            "not_candidate_reason": ("treatment", np.array(reasons, dtype=str)),
            "caution": ("treatment", simulated["caution"].to_numpy()),
            "weight_first_share": ("treatment", by_weights[:, 0]),
            "weight_rank_share": (("treatment", "rank"), by_weights),
            "uncertainty_share": (("treatment", "source"), of_treatment),
            "rank_uncertainty_share": ("source", of_order),
            "person_expected_utility": ("treatment", own.mean(axis=1)),
            "population_expected_utility": ("treatment", population.mean(axis=1)),
            "contrast_quantile": (
                ("treatment", "outcome", "quantile"), np.moveaxis(np.quantile(change, QUANTILES, axis=1), 0, -1)
            ),
            "contrast_mean": (("treatment", "outcome"), change.mean(axis=1)),
        },
        coords={
            "treatment": np.array(keys, dtype=str),
            "label": ("treatment", simulated["label"].to_numpy()),
            "outcome": list(OUTCOMES),
            "quantile": list(QUANTILES),
            "rank": np.arange(1, len(keys) + 1),
            "source": list(SOURCES),
        },
        attrs={
            "person": person,
            "verdict": verdict,
            "reason": reason,
            "personalisation_index": found.index,
            "personalisation_null": found.null,
            "personalisation_gain": found.gain,
            "shift_population_only": moved,
            "same_best_population": int(same),
            "shift_without_spectral": without_spectral(simulated),
            "guideline": guideline(keys, candidate, str(simulated.attrs["condition"])),
            "weights": _weights(options),
        },
    )  # fmt: skip
    return dataset.isel(treatment=ranking.order)


def why_not(key: str, block: Treatment, eligible: bool, reason: str, shortcoming: str = "") -> str:
    """Return why a treatment may not be ranked first; empty for a candidate (no change is always one).

    `shortcoming` is what keeps its operators from being calibrated to its trial.
    """
    if key == NO_CHANGE:
        return ""
    if not eligible:
        return reason
    if block.control:
        return f"{block.cls}: shown for comparison"
    if block.exploratory:
        return "exploratory: may be simulated, not ranked first"
    return f"not calibrated: {shortcoming}" if shortcoming else ""


def guideline(keys: list[str], candidate: np.ndarray, condition: str) -> str:
    """Return what guidelines put first, where that may concern this person; empty where it does not."""
    there = "cbti" in keys and bool(candidate[keys.index("cbti")])
    return GUIDELINE if there and condition in ("", "insomnia") else ""


def without_spectral(simulated: xr.Dataset) -> float:
    """Return how far expected utilities move without connectome and spectral twin.

    Simulated nights say what they rest on. Where the spectral twin is no part of it nothing can move; where it is,
    the shift is unknown from these nights alone, and NaN.
    """
    return float("nan") if "spectral" in str(simulated.attrs.get("rests_on", "")) else 0.0


def _uncertainty(
    simulated: xr.Dataset, harm: np.ndarray, own: np.ndarray, candidate: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares of `decision.SOURCES` in the uncertainty of the order, from the person's own twin."""
    if "operator_between" not in simulated:
        nothing = np.full((len(candidate), len(SOURCES)), np.nan)
        return nothing[0], nothing
    between = simulated["operator_between"].to_numpy()
    extra = [simulated[name].to_numpy() for name in ("time_in_bed_change", "arousal_factor")]
    trial = np.dstack([simulated["operator_value"].to_numpy() - between, *extra, harm])
    best = int(np.argmax(np.where(candidate, own.mean(axis=1), -np.inf)))
    person = simulated["person_effect"].to_numpy()
    return uncertainty_shares(own, candidate, best, {"trial": trial, "heterogeneity": between}, person)


def _blocks(keys: list[str], library: Library) -> list[Treatment]:
    lost = [key for key in keys if key != NO_CHANGE and key not in library.treatments]
    if lost:
        message = f"rank: {', '.join(lost)} was simulated but is not in the treatment library; run simulate again"
        raise BrainTwinError(message)
    return [no_change() if key == NO_CHANGE else library.treatments[key] for key in keys]


def _harms(keys: list[str], blocks: list[Treatment], draws: int, seed: int) -> np.ndarray:
    """Return draws of harm, (treatment, draw): a trial's error is the same for everybody."""
    rows = []
    for key, block in zip(keys, blocks):
        mean, se = block.harm()
        rows.append(mean + se * np.random.default_rng(derive_seed(seed, "rank/harm", key)).standard_normal(draws))
    return np.stack(rows)


def _verdict(index: float, null: float, candidates: int, condition: str) -> tuple[str, str]:
    if candidates < 2:
        whom = f"a person with diagnosis {condition!r}" if condition else "this person"
        return "none", f"nothing to rank: no treatment of the library is for {whom}"
    if index <= null:
        sentence = "ranking is the population ranking: the personalisation index"
        return "population", f"{sentence} {index:.3f} does not exceed its null {null:.3f}"
    return "personal", ""


def _weights(options: RankOptions) -> str:
    return json.dumps(options.weights.model_dump(), sort_keys=True)
