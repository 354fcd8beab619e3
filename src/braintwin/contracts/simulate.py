"""Simulated nights of one person under every treatment (`simulate.nc`)."""

from braintwin.contracts.base import Contract, Var

OUTCOMES = ("SOL", "LPS", "WASO", "TST", "SE", "N1", "N2", "N3", "REM", "awakenings", "TIB")
"""Outcomes of a night, in order."""

OUTCOME_UNITS = {
    "SOL": "min", "LPS": "min", "WASO": "min", "TST": "min", "SE": "%",
    "N1": "min", "N2": "min", "N3": "min", "REM": "min", "awakenings": "1", "TIB": "min",
}  # fmt: skip

SIMULATED = Contract(
    name="simulate.nc",
    meaning="Outcomes of the same simulated nights under each treatment (common random numbers).",
    variables={
        "outcome_value": Var(
            ("treatment", "draw", "outcome"), "f", "", "outcome of the night, averaged over its replicates"
        ),
        "population_outcome_value": Var(
            ("treatment", "draw", "outcome"), "f", "", "the same for a person drawn from the population"
        ),
        "operator_value": Var(("treatment", "draw", "group"), "f", "", "shift of the log hazards by the treatment"),
        "stage_probability": Var(
            ("treatment", "clock", "stage"), "f", "", "share of simulated nights in a stage, over time in bed"
        ),
        "example_stage": Var(
            ("treatment", "example", "epoch"), "iu", "", "a few whole simulated nights; -1 is out of bed"
        ),
        "eligible": Var(("treatment",), "b", "", "the person has the condition the treatment is for"),
        "exploratory": Var(("treatment",), "b", "", "may be simulated, never recommended"),
        "ineligible_reason": Var(("treatment",), "U", "", "why not eligible; empty where it is"),
        "caution": Var(
            ("treatment",), "U", "", "what to beware of for this person; empty where nothing is known", required=False
        ),
        "operator_between": Var(
            ("treatment", "draw", "group"),
            "f",
            "",
            "the part of operator_value by which the person differs from the average of people",
            required=False,
        ),
        "person_effect": Var(
            ("draw", "group"), "f", "", "effects of the person whose nights were simulated, by draw", required=False
        ),
        "time_in_bed_change": Var(
            ("treatment", "draw"), "f", "min", "change of the time in bed by the treatment", required=False
        ),
        "arousal_factor": Var(
            ("treatment", "draw"), "f", "", "factor on the rate of respiratory events", required=False
        ),
        "baseline_drift": Var(("draw", "outcome"), "f", "", "no change, simulated with fresh noise, minus no change"),
    },
    coords={
        "treatment": Var(("treatment",), "U", meaning="key in config/treatments.yaml; 'none' is no change"),
        "label": Var(("treatment",), "U", meaning="name for people"),
        "outcome": Var(("outcome",), "U", meaning="see OUTCOMES"),
        "group": Var(("group",), "U", meaning="hazard groups"),
        "stage": Var(("stage",), "U", meaning="W, N1, N2, N3, R"),
        "clock": Var(("clock",), "f", "min", "middle of a 10-min bin of time in bed"),
    },
    attrs=(
        "person",
        "condition",
        "horizon",
        "replicates",
    ),  # also time_in_bed_min, time_in_bed_source, arousal_rate, onset_source
)
