"""The population prior of the hypnogram twin (`population.nc`)."""

from braintwin.contracts.base import Contract, Var

POPULATION = Contract(
    name="population.nc",
    meaning="What is known of hypnograms before a person is seen: base rates, effects and how people and nights vary.",
    variables={
        "base_logit": Var(("from_stage", "to_stage"), "f", "", "log odds of a change against staying; 0 for staying"),
        "onset": Var((), "f", "", "log odds of leaving wake in an epoch before sleep onset"),
        "time_effect": Var(("transition", "time_basis"), "f", "", "change of a log hazard with time since onset"),
        "time_effect_sd": Var(("transition", "time_basis"), "f", "", "its prior sd for a person"),
        "dwell_effect": Var(("from_stage", "dwell_bin"), "f", "", "change of leaving with time in stage"),
        "dwell_effect_sd": Var(("from_stage", "dwell_bin"), "f", "", "its prior sd for a person"),
        "pressure_effect": Var(("transition",), "f", "", "change of a log hazard per unit of Process S"),
        "pressure_effect_sd": Var(("transition",), "f", "", "its prior sd for a person"),
        "person_sd": Var(("group",), "f", "", "sd of people around the population"),
        "night_sd": Var(("group",), "f", "", "median of the sd of nights around the person"),
        "night_sd_spread": Var(("group",), "f", "", "sd of the log of that sd"),
        "arousal_gain": Var((), "f", "", "ρ: each respiratory event a minute multiplies the odds of waking by 1 + ρ"),
    },
    coords={
        "from_stage": Var(("from_stage",), "U", meaning="W, N1, N2, N3, R"),
        "to_stage": Var(("to_stage",), "U", meaning="W, N1, N2, N3, R"),
        "transition": Var(("transition",), "U", meaning="change of stage, such as N2>W"),
        "time_basis": Var(("time_basis",), "U", meaning="columns of models.hypnogram.time_basis"),
        "dwell_bin": Var(("dwell_bin",), "U", meaning="time in stage, min"),
        "group": Var(("group",), "U", meaning="hazard groups of contracts.night.GROUPS"),
    },
    attrs=(
        "name",
        "source",  # where the numbers come from, with DOI
        "licence",
        "nights",  # how many nights it was learned from
        "people",  # hashed ids of the people it was learned from, comma-separated
    ),
)
