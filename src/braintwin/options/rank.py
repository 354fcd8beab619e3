"""Options of `rank`."""

from braintwin.options.base import Options, option


class WeightOptions(Options):
    """What a minute is worth: utility per unit of change, higher is better."""

    SOL: float = option(-0.1, "Per minute of sleep onset latency.", unit="1/min")
    WASO: float = option(-0.1, "Per minute awake after sleep onset.", unit="1/min")
    TST: float = option(0.0666667, "Per minute of total sleep time.", unit="1/min")
    REM: float = option(0.02, "Per minute of REM sleep, kept or lost.", unit="1/min")
    N3: float = option(0.02, "Per minute of N3 sleep, kept or lost.", unit="1/min")
    harm: float = option(-1.0, "Per unit of log odds ratio of leaving a trial over adverse events.")
    burden: float = option(-0.5, "Per unit of burden (0 none to 1 heavy).")


class RankOptions(Options):
    """How treatments are compared."""

    weights: WeightOptions = option(WeightOptions(), "Utility of each outcome.")
    mcid: float = option(
        1.0, "Smallest difference in utility that matters (10 min of latency with the default weights).", gt=0
    )
    near_tie_probability: float = option(
        0.2, "A treatment is a near tie if P(within mcid of the best) exceeds this.", gt=0, lt=1
    )
    null_permutations: int = option(
        200, "Exchanges of person and population for the null of the personalisation index.", ge=20
    )
    weight_samples: int = option(1000, "Random sets of utility weights for the weight sensitivity.", ge=10)
    weight_concentration: float = option(
        4.0, "Dirichlet concentration of the random weights; larger stays nearer to those stated.", gt=0
    )
