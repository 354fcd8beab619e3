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
        "sucra": Var(("treatment",), "f", "", "surface under the cumulative ranking"),
        "rank_probability": Var(("treatment", "rank"), "f", "", "probability of each rank"),
        "near_tie": Var(
            ("treatment",), "b", "", "cannot be told from the best at the smallest difference that matters"
        ),
        "candidate": Var(("treatment",), "b", "", "eligible and not exploratory: may be ranked first"),
        "population_expected_utility": Var(("treatment",), "f", "", "the same for the population"),
        "contrast_quantile": Var(
            ("treatment", "outcome", "quantile"), "f", "", "quantiles of the outcome's change against no change"
        ),
        "contrast_mean": Var(("treatment", "outcome"), "f", "", "mean change against no change"),
    },
    coords={
        "treatment": Var(("treatment",), "U", meaning="best first"),
        "label": Var(("treatment",), "U", meaning="name for people"),
        "outcome": Var(("outcome",), "U", meaning="see contracts.simulate.OUTCOMES"),
        "quantile": Var(("quantile",), "f", "", "0.05, 0.25, 0.5, 0.75, 0.95"),
        "rank": Var(("rank",), "iu", "", "1 is best"),
    },
    attrs=(
        "person",
        "verdict",  # personal | population | none
        "reason",  # why the ranking is the population's, or why there is none
        "personalisation_index",
        "personalisation_null",  # 95th percentile under permuted people
        "weights",  # JSON: utility weights
    ),
)
