"""The ranking of treatments for one person (`rank.nc`)."""

from braintwin.contracts.base import Contract, Var

RANKING = Contract(
    name="rank.nc",
    meaning="Expected utility, regret and rank of each treatment; empty dims and a reason where there is no ranking.",
    variables={
        "expected_utility": Var(("treatment",), "f", "", "mean utility against no change; higher is better"),
        "utility_sd": Var(("treatment",), "f", "", "posterior sd of the utility"),
        "utility_mcse": Var(("treatment",), "f", "", "Monte-Carlo standard error of the mean"),
        "utility_quantile": Var(("treatment", "quantile"), "f", "", "posterior quantiles of the utility"),
        "p_best": Var(("treatment",), "f", "", "probability of the highest utility among the candidates"),
        "expected_regret": Var(("treatment",), "f", "", "expected loss against the best candidate"),
        "sucra": Var(("treatment",), "f", "", "surface under the cumulative ranking of the candidates; NaN for others"),
        "rank_probability": Var(("treatment", "rank"), "f", "", "probability of each rank"),
        "near_tie": Var(
            ("treatment",), "b", "", "cannot be told from the best at the smallest difference that matters"
        ),
        "candidate": Var(
            ("treatment",), "b", "", "may be ranked first: eligible, not exploratory, no control, not all assumed"
        ),
        "ineligible_reason": Var(("treatment",), "U", "", "why not eligible; empty where it is", required=False),
        "not_candidate_reason": Var(
            ("treatment",), "U", "", "why it may not be ranked first; empty for a candidate", required=False
        ),
        "caution": Var(("treatment",), "U", "", "what to beware of for this person", required=False),
        "weight_first_share": Var(
            ("treatment",), "f", "", "share of random utility weights that put it first", required=False
        ),
        "weight_rank_share": Var(
            ("treatment", "rank"), "f", "", "share of random utility weights that put it at each rank", required=False
        ),
        "uncertainty_share": Var(
            ("treatment", "source"),
            "f",
            "",
            "where the uncertainty of the best candidate's lead over this one comes from; NaN for the best",
            required=False,
        ),
        "rank_uncertainty_share": Var(
            ("source",), "f", "", "where the uncertainty of the order comes from, over all candidates", required=False
        ),
        "person_expected_utility": Var(
            ("treatment",), "f", "", "expected utility from the person's own twin, whatever the verdict", required=False
        ),
        "population_expected_utility": Var(("treatment",), "f", "", "the same for the population"),
        "contrast_quantile": Var(
            ("treatment", "outcome", "quantile"), "f", "", "quantiles of the outcome's change against no change"
        ),
        "contrast_mean": Var(("treatment", "outcome"), "f", "", "mean change against no change"),
    },
    coords={
        "treatment": Var(("treatment",), "U", meaning="candidates, best first, then the others, best first"),
        "label": Var(("treatment",), "U", meaning="name for people"),
        "outcome": Var(("outcome",), "U", meaning="see contracts.simulate.OUTCOMES"),
        "quantile": Var(("quantile",), "f", "", "0.05, 0.25, 0.5, 0.75, 0.95"),
        "rank": Var(("rank",), "iu", "", "1 is best"),
        "source": Var(("source",), "U", meaning="trial, heterogeneity, person, night"),
    },
    attrs=(
        "person",
        "verdict",  # personal | population | none; with "population" every number is the population's
        "reason",  # why the ranking is the population's, or why there is none
        "personalisation_index",
        "personalisation_null",  # 95th percentile of the index if the twin knew nothing of the person
        "weights",  # JSON: utility weights
        # also personalisation_gain: expected utility of the own best over the population's best, for this person;
        # shift_population_only and shift_without_spectral: mean absolute change of the candidates' expected utility if
        # only the population were known, and without connectome and spectral twin; same_best_population: 1 or 0;
        # guideline: what guidelines put first, where they say it for this person's condition
    ),
)
