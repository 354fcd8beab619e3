"""The hypnogram twin of one person (`night.nc`): NetCDF groups opened through `io.posterior`."""

from braintwin.contracts.base import Contract, Var

GROUPS = (
    "onset", "w_n1", "w_deep", "n1_w", "n23_w", "r_w",
    "n1_n2", "n2_n3", "n3_n2", "n2_n1", "nrem_r", "r_nrem",
)  # fmt: skip
"""The twelve hazard groups: what a person, a night and a treatment shift."""

NIGHT_POSTERIOR = Contract(
    name="night.nc/posterior",
    meaning="Posterior draws of the hypnogram twin.",
    variables={
        "person_effect": Var(("chain", "draw", "group"), "f", "", "lasting shift of the log hazard of a group"),
        "night_effect": Var(
            ("chain", "draw", "night", "group"), "f", "", "shift of that night alone, around the person's"
        ),
        "night_sd": Var(("chain", "draw", "group"), "f", "", "sd of nights around the person"),
        "night_corr": Var(
            ("group", "group_too"), "f", "", "correlation of nights between groups; none if absent", required=False
        ),
    },
    coords={
        "group": Var(("group",), "U", meaning="hazard groups of contracts.night.GROUPS"),
        "night": Var(("night",), "U", meaning="nights that were fitted"),
        "group_too": Var(("group_too",), "U", meaning="hazard groups again", required=False),
    },
    # Also, where the fit could say: personal_gain (nats a left-out night by which the twin beats the population),
    # personal_verdict (own | population | unknown) and own_weight, see inference.person_test. Where slow-wave activity
    # told of Process S: tau_wake_h, tau_sleep_h (posterior means), their log sds, process_s_episodes.
    # left_out: nights of the person that came through prepare and were not fitted, with the reason, as JSON.
    attrs=(
        "person",
        "onset_source",  # data | prior
        "population",  # name of the population prior
        "arousal_rate",  # respiratory events per hour
    ),
)

NIGHT_PRIOR = Contract(
    name="night.nc/prior",
    meaning="Prior draws of the same parameters (one chain), for contraction.",
    variables={
        "person_effect": Var(("chain", "draw", "group"), "f", "", "as in the posterior"),
        "night_sd": Var(("chain", "draw", "group"), "f", "", "as in the posterior"),
    },
    coords={"group": Var(("group",), "U", meaning="hazard groups")},
)

NIGHT_STATS = Contract(
    name="night.nc/sample_stats",
    meaning="What the sampler said.",
    variables={
        "diverging": Var(("chain", "draw"), "b", "", "the trajectory diverged"),
        "energy": Var(("chain", "draw"), "f", "", "Hamiltonian"),
    },
)

NIGHT_OBSERVED = Contract(
    name="night.nc/observed_data",
    meaning="The hypnograms that were fitted, padded with -1, and what they add up to.",
    variables={
        "stage": Var(("night", "epoch"), "iu", "", "stage code"),
        "stage_version": Var(
            ("night", "version", "epoch"),
            "iu",
            "",
            "stage codes that an automatic scoring leaves possible; `stage` is the first; absent where a person scored",
            required=False,
        ),
        "lights_off_known": Var(("night",), "b", "", "the first epoch is the first after lights off", required=False),
        "time_in_bed": Var(("night",), "f", "min", "lights off to lights on; sleep onset to last sleep if unknown"),
        "outcome_value": Var(("night", "outcome"), "f", "", "outcome of that night; NaN where it needs lights off"),
        "stage_count": Var(
            ("interval", "state"), "iu", "", "as posterior_predictive, where stages are left out", False
        ),
        "change_count": Var(("interval", "transition"), "iu", "", "as posterior_predictive", required=False),
        "bout_count": Var(("state", "bout"), "iu", "", "as posterior_predictive", required=False),
    },
    coords={
        "night": Var(("night",), "U", meaning="nights that were fitted"),
        "outcome": Var(("outcome",), "U", meaning="see contracts.simulate.OUTCOMES"),
    },
)

NIGHT_PREDICTIVE = Contract(
    name="night.nc/posterior_predictive",
    meaning="Simulated further nights of this person, untreated: outcomes, and the fitted nights slept again.",
    variables={
        "outcome_value": Var(("sample", "outcome"), "f", "", "outcome of a simulated night"),
        "stage_count": Var(
            ("replicate", "interval", "state"), "iu", "", "epochs of all nights by tenth of the night", required=False
        ),
        "change_count": Var(
            ("replicate", "interval", "transition"), "iu", "", "changes of stage by tenth of the night", required=False
        ),
        "bout_count": Var(
            ("replicate", "state", "bout"),
            "iu",
            "",
            "bouts by stage and duration, see models.night_profile",
            required=False,
        ),
    },
    coords={
        "outcome": Var(("outcome",), "U", meaning="see contracts.simulate.OUTCOMES"),
        "state": Var(("state",), "U", meaning="W, N1, N2, N3, R", required=False),
        "transition": Var(("transition",), "U", meaning="stage left > stage entered", required=False),
    },
)
