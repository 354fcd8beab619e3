"""Options of `check`."""

from braintwin.options.base import Options, option


class CheckOptions(Options):
    """The gates a fit must pass before anything is built on it."""

    max_rhat: float = option(1.01, "Largest rank-normalised R-hat that passes.", gt=1)
    fail_rhat: float = option(1.05, "R-hat from which a fit has failed; between the two it is a warning.", gt=1)
    min_ess: float = option(400.0, "Smallest bulk and tail effective sample size that passes.", gt=0)
    fail_ess: float = option(100.0, "Effective sample size below which a fit has failed.", gt=0)
    max_divergences: float = option(0.01, "Largest share of divergent draws; none passes, more fails.", ge=0, le=1)
    min_ebfmi: float = option(0.3, "Smallest energy Bayesian fraction of missing information.", gt=0)
    min_stable: float = option(0.95, "Smallest share of draws that are stable brains.", gt=0, le=1)
    max_residual: float = option(0.5, "Largest residual scale of the log spectrum.", unit="nat", gt=0)
    min_coherency_share: float = option(
        0.05,
        "Smallest share of the windows of coherency that counts as independent, where coherency was fitted: below it, "
        "what its model misses is larger than chance, and not in the intervals.",
        gt=0,
        le=1,
    )
    min_best_starts: int = option(2, "Starts that must reach the best optimum.", ge=1)
    max_smc_shift: float = option(
        0.5, "Largest difference of a mean between chains and tempered SMC, where that was run.", unit="sd", gt=0
    )
    min_predictive: float = option(0.75, "Smallest share of the spectrum inside its 90 % predictive band.", ge=0, le=1)
    min_night_predictive: float = option(
        0.6, "Smallest share of the nights' outcomes inside their 90 % predictive interval.", ge=0, le=1
    )
    min_course_p: float = option(
        0.02,
        "Smallest p-value of the predictive check of how nights go that passes; below it is a warning.",
        ge=0,
        le=1,
    )
