"""The corticothalamic twin of one person (`spectral.nc`): NetCDF groups opened through `io.posterior`."""

from braintwin.contracts.base import Contract, Var

_STAGE = ("chain", "draw", "stage")
_SITE = ("chain", "draw", "stage", "channel")

_PARAMETERS = {
    "X": Var(_STAGE, "f", "", "cortical loop gain"),
    "Y": Var(_STAGE, "f", "", "corticothalamic loop gain"),
    "Z": Var(_STAGE, "f", "", "intrathalamic loop gain"),
    "emg_fraction": Var(_STAGE, "f", "", "share of the power in the fitted band that is muscle"),
    "log_scale": Var(_SITE, "f", "ln(µV²/Hz)", "log of the input power"),
    "t0": Var(("chain", "draw"), "f", "s", "corticothalamic loop delay"),
    "alpha": Var(_STAGE, "f", "1/s", "dendritic decay rate"),
    "kappa": Var(("chain", "draw"), "f", "", "coupling on the graph Laplacian"),
    "residual_sd": Var(_STAGE, "f", "", "scale of the residual of the log spectrum, nat"),
}

_COORDS = {
    "stage": Var(("stage",), "U", meaning="stages that had clean epochs"),
    "channel": Var(("channel",), "U", meaning="EEG derivation"),
}

SPECTRAL_POSTERIOR = Contract(
    name="spectral.nc/posterior",
    meaning="Posterior draws of the corticothalamic twin.",
    variables=_PARAMETERS,
    coords=_COORDS,
    # kappa_source: data | prior | coherency, and then coherency_share: how many of its windows count as independent
    attrs=("person", "graph", "graph_note", "kappa_source"),
)

SPECTRAL_SAMPLED = Contract(
    name="spectral.nc/sampled",
    meaning="The draws as they were sampled, with the graph taken as known: what convergence is judged by.",
    variables=_PARAMETERS,
    coords=_COORDS,
)

SPECTRAL_PRIOR = Contract(
    name="spectral.nc/prior",
    meaning="Prior draws of the same parameters (one chain), for contraction.",
    variables={name: var for name, var in _PARAMETERS.items() if name != "log_scale"},
    coords={"stage": _COORDS["stage"]},
)

SPECTRAL_STATS = Contract(
    name="spectral.nc/sample_stats",
    meaning="What the sampler said, and whether each draw is a stable brain.",
    variables={
        "diverging": Var(("chain", "draw"), "b", "", "the trajectory diverged"),
        "energy": Var(("chain", "draw"), "f", "", "Hamiltonian"),
        "lp": Var(("chain", "draw"), "f", "", "log posterior density of the unconstrained draw"),
        "stable": Var(("chain", "draw", "stage"), "b", "", "the exact winding rule holds"),
    },
)

SPECTRAL_PREDICTIVE = Contract(
    name="spectral.nc/posterior_predictive",
    meaning="Replicated log spectra for a thinned set of draws.",
    variables={
        "log_psd": Var(("sample", "stage", "channel", "freq"), "f", "ln(µV²/Hz)", "replicated log spectrum"),
        "log_psd_model": Var(("sample", "stage", "channel", "freq"), "f", "ln(µV²/Hz)", "model without residual"),
        "discrepancy": Var(
            ("stage", "channel", "freq"), "f", "", "what the model leaves out that is smooth, nat", required=False
        ),
        "discrepancy_sd": Var(("stage", "channel", "freq"), "f", "", "how well it is known, nat", required=False),
    },
    coords={**_COORDS, "freq": Var(("freq",), "f", "Hz", "frequency")},
)

SPECTRAL_OBSERVED = Contract(
    name="spectral.nc/observed_data",
    meaning="What was fitted: log spectra averaged over the person's nights.",
    variables={
        "log_psd": Var(("stage", "channel", "freq"), "f", "ln(µV²/Hz)", "observed log spectrum"),
        "log_psd_var": Var(("stage", "channel", "freq"), "f", "", "its sampling variance"),
        "used": Var(("stage", "channel", "freq"), "iub", "", "1 where the bin entered the likelihood"),
        "repeats": Var(("stage",), "f", "", "neighbouring frequencies that say the same thing and count as one"),
    },
    coords={**_COORDS, "freq": Var(("freq",), "f", "Hz", "frequency")},
)

SPECTRAL_STARTS = Contract(
    name="spectral.nc/starts",
    meaning="The multi-start search that came before sampling.",
    variables={
        "log_posterior": Var(
            ("start",), "f", "", "optimum that each start reached, best first; -inf where it is no stable brain"
        ),
        "X": Var(("start", "stage"), "f", "", "cortical loop gain there", required=False),
        "Y": Var(("start", "stage"), "f", "", "corticothalamic loop gain there", required=False),
        "Z": Var(("start", "stage"), "f", "", "intrathalamic loop gain there", required=False),
    },
    coords={"stage": Var(("stage",), "U", meaning="stages that had clean epochs", required=False)},
)

SPECTRAL_EXPLANATIONS = Contract(
    name="spectral.nc/explanations",
    meaning="Modes of the posterior that hold a notable share of it, heaviest first: one for most people.",
    variables={
        "weight": Var(("explanation",), "f", "", "share of the posterior"),
        "log_evidence": Var(
            ("explanation",), "f", "", "log of its mass, nat: by bridge sampling if there are several, else Laplace's"
        ),
        "log_density": Var(("explanation",), "f", "", "log density at its optimum, nat"),
        "starts": Var(("explanation",), "iu", "", "starts of the search that ended in it"),
        "smc_share": Var(("explanation",), "f", "", "share of the particles of tempered SMC there", required=False),
        "smc_shift": Var((), "f", "", "largest difference of its means, in posterior sds", required=False),
        "smc_log_evidence": Var((), "f", "", "log of the whole mass by tempered SMC, nat", required=False),
        **{
            name: Var(("explanation", *var.dims[2:]), "f", var.units, f"posterior mean: {var.meaning}")
            for name, var in _PARAMETERS.items()
            if name != "log_scale"
        },
    },
    coords={"stage": _COORDS["stage"]},
)

SPECTRAL_OTHERS = Contract(
    name="spectral.nc/others",
    meaning="Draws of the explanations beyond the first, which are never averaged with it; empty for most people.",
    variables={name: Var(("explanation", *var.dims), "f", var.units, var.meaning) for name, var in _PARAMETERS.items()},
    coords=_COORDS,
)

SPECTRAL_GRAPHS = Contract(
    name="spectral.nc/graphs",
    meaning="The spectra under the person's own graph, which comes first, and under rivals; empty without a graph.",
    variables={
        "elpd": Var(("graph",), "f", "", "log density of frequencies left out (PSIS-LOO), nat"),
        "lead": Var(("graph",), "f", "", "by how much the own graph is ahead of it, nat"),
        "lead_se": Var(("graph",), "f", "", "standard error of that, over blocks of 8 frequencies of a stage"),
        "heavy_tails": Var(("graph",), "f", "", "share of frequencies whose importance weights are too uneven"),
        "kappa_mean": Var(("graph",), "f", "", "posterior mean of the coupling under this graph"),
        "kappa_sd": Var(("graph",), "f", "", "posterior standard deviation of it"),
    },
    coords={"graph": Var(("graph",), "U", meaning="own, rewired, distance, none")},
)

GROUP_CONTRACTS = {
    "posterior": SPECTRAL_POSTERIOR,
    "sampled": SPECTRAL_SAMPLED,
    "prior": SPECTRAL_PRIOR,
    "sample_stats": SPECTRAL_STATS,
    "posterior_predictive": SPECTRAL_PREDICTIVE,
    "observed_data": SPECTRAL_OBSERVED,
    "starts": SPECTRAL_STARTS,
    "explanations": SPECTRAL_EXPLANATIONS,
    "others": SPECTRAL_OTHERS,
    "graphs": SPECTRAL_GRAPHS,
}
"""Contract of every group of `spectral.nc`."""
