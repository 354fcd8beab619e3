"""The connectome of one night (`connect.nc`)."""

from braintwin.contracts.base import Contract, Var

MEASURES = (
    "coherence",
    "imaginary_coherence",
    "plv",
    "pli",
    "wpli",
    "dwpli2",
    "ciplv",
    "psi",
    "aec_orth",
)
"""Coupling measures, in the order of the ``measure`` dimension.

All are symmetric but imaginary coherence and the phase slope index, whose sign tells which channel leads: (i, j) is
minus (j, i), positive where `node` leads `node_to`. Orthogonalised AEC keeps its sign. The diagonal is 0, or NaN for a
node without any estimate.
"""

CONNECTOME = Contract(
    name="connect.nc",
    meaning="Coupling of every pair of nodes per stage, band and measure, from the odd clean epochs.",
    variables={
        "connectivity": Var(
            ("stage", "band", "measure", "node", "node_to"), "f", "", "value of the measure; NaN where missing"
        ),
        "standard_error": Var(
            ("stage", "band", "measure", "node", "node_to"), "f", "", "delete-a-block jackknife standard error"
        ),
        "n_epochs": Var(("stage",), "iu", meaning="epochs with at least two clean nodes"),
        "n_epochs_pair": Var(
            ("stage", "node", "node_to"), "iu", meaning="epochs in which both nodes are clean", required=False
        ),
        "reason": Var(("stage",), "U", meaning="why a stage is missing; empty where it is not"),
    },
    coords={
        "stage": Var(("stage",), "U", meaning="W, N1, N2, N3, R"),
        "band": Var(("band",), "U", meaning="name of the band"),
        "band_low": Var(("band",), "f", "Hz", "lower edge"),
        "band_high": Var(("band",), "f", "Hz", "upper edge"),
        "measure": Var(("measure",), "U", meaning="see MEASURES"),
        "node": Var(("node",), "U", meaning="channel"),
        "node_to": Var(("node_to",), "U", meaning="channel"),
    },
    attrs=("night", "person", "estimand", "level", "epochs_used", "window_s"),
)
