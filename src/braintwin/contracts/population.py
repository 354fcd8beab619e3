"""The population prior of the hypnogram twin (`population.nc`)."""

from braintwin.contracts.base import Contract, Var

POPULATION = Contract(
    name="population.nc",
    meaning="What is known of hypnograms before a person is seen: base rates, effects and how people and nights vary.",
    variables={
        "base_logit": Var(("from_stage", "to_stage"), "f", "", "log odds of a change against staying; 0 for staying"),
        "onset": Var((), "f", "", "log odds of leaving wake in an epoch before sleep onset"),
        "time_effect": Var(("transition", "time_basis"), "f", "", "change of a log hazard with time since onset"),
        "dwell_effect": Var(("transition", "dwell_bin"), "f", "", "change of a log hazard with time in stage"),
        "pressure_effect": Var(("transition",), "f", "", "change of a log hazard per unit of Process S"),
        "clock_effect": Var(("transition", "clock_bin"), "f", "", "change of a log hazard with the REM clock"),
        "load_effect": Var(("transition", "load_bin"), "f", "", "change of a log hazard with REM sleep so far"),
        "recent_effect": Var(("transition", "recent_bin"), "f", "", "change of a log hazard with recent wake"),
        "person_cov": Var(("group", "group_too"), "f", "", "covariance of people around what is expected of them"),
        "night_cov": Var(("group", "group_too"), "f", "", "covariance of nights around the person"),
        "site_person_cov": Var(("site", "group", "group_too"), "f", "", "covariance of the people of each dataset"),
        "site_night_cov": Var(
            ("site", "group", "group_too"), "f", "", "the same of nights: scorers may change between them"
        ),
        "covariate_effect": Var(("covariate", "group"), "f", "", "change of a log hazard with age, sex, AHI"),
        "first_night": Var(("group",), "f", "", "change of a log hazard in a first night in the laboratory"),
        "site_effect": Var(("site", "group"), "f", "", "shift of a dataset: its scorers, montage, people"),
        "site_sd": Var(("group",), "f", "", "sd of datasets, which widens what is known of a new one"),
        "arousal_gain": Var((), "f", "", "ρ: each respiratory event a minute multiplies the odds of waking by 1 + ρ"),
        "left_out": Var(
            ("fold", "parameter"), "f", "", "the same parameters, in one row, learned without the people of a fold"
        ),
        "trained_fold": Var(("trained",), "i", "", "fold of each person that was learned from"),
    },
    coords={
        "from_stage": Var(("from_stage",), "U", meaning="W, N1, N2, N3, R"),
        "to_stage": Var(("to_stage",), "U", meaning="W, N1, N2, N3, R"),
        "transition": Var(("transition",), "U", meaning="change of stage, such as N2>W"),
        "time_basis": Var(("time_basis",), "U", meaning="columns of models.night_history.time_basis"),
        "dwell_bin": Var(("dwell_bin",), "U", meaning="time in stage, min"),
        "clock_bin": Var(("clock_bin",), "U", meaning="REM clock, min"),
        "load_bin": Var(("load_bin",), "U", meaning="REM sleep less its usual share, min"),
        "recent_bin": Var(("recent_bin",), "U", meaning="recent wake, epochs"),
        "group": Var(("group",), "U", meaning="hazard groups of contracts.night.GROUPS"),
        "group_too": Var(("group_too",), "U", meaning="hazard groups again"),
        "covariate": Var(("covariate",), "U", meaning="what is known of a person, see models.population.Who"),
        "site": Var(("site",), "U", meaning="datasets"),
        "trained": Var(("trained",), "U", meaning="hashed ids of the people that were learned from"),
    },
    attrs=(
        "name",
        "source",  # where the numbers come from, with DOI
        "licence",
        "nights",  # how many nights it was learned from
        "people",  # how many people it was learned from; their hashed ids are the coordinate `trained`
    ),
)
