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
        "reliability": Var(
            ("stage", "band", "measure"), "f", meaning="split-half correlation over pairs, stepped up", required=False
        ),
        "connectivity_equal": Var(
            ("stage", "band", "measure", "node", "node_to"),
            "f",
            meaning="the measure from as many epochs as the shortest stage has",
            required=False,
        ),
        "mixing_null": Var(
            ("stage", "band", "measure"),
            "f",
            meaning="95 % of the pairs stay below this size where channels share instantaneous mixing alone",
            required=False,
        ),
        "above_mixing": Var(
            ("stage", "band", "measure"),
            "f",
            meaning="share of the pairs of connectivity_equal above mixing_null; 0.05 is nothing",
            required=False,
        ),
        "strength": Var(("stage", "band", "node"), "f", meaning="sum of a node's weights", required=False),
        "clustering": Var(("stage", "band", "node"), "f", meaning="geometric-mean clustering", required=False),
        "community": Var(("stage", "band", "node"), "iu", meaning="module; -1 where missing", required=False),
        "efficiency": Var(("stage", "band"), "f", meaning="global efficiency of the graph", required=False),
        "modularity": Var(("stage", "band"), "f", meaning="Newman's Q of its best partition", required=False),
        "laplacian_eigenvalue": Var(
            ("stage", "band", "mode"), "f", meaning="of the normalised Laplacian, ascending", required=False
        ),
        "region_connectivity": Var(
            ("stage", "band", "measure", "region", "region_to"), "f", meaning="the measure of regions", required=False
        ),
        "region_error": Var(
            ("stage", "band", "measure", "region", "region_to"), "f", meaning="its standard error", required=False
        ),
        "structural": Var(
            ("region", "region_to"), "f", meaning="weights of the structural connectome given", required=False
        ),
        "region_view": Var(
            ("node", "region"), "f", meaning="how much of each region a channel sees; a row sums to 1", required=False
        ),
    },
    coords={
        "stage": Var(("stage",), "U", meaning="W, N1, N2, N3, R"),
        "band": Var(("band",), "U", meaning="name of the band"),
        "band_low": Var(("band",), "f", "Hz", "lower edge"),
        "band_high": Var(("band",), "f", "Hz", "upper edge"),
        "measure": Var(("measure",), "U", meaning="see MEASURES"),
        "node": Var(("node",), "U", meaning="channel"),
        "node_to": Var(("node_to",), "U", meaning="channel"),
        "region": Var(("region",), "U", meaning="region of the Desikan-Killiany atlas", required=False),
        "region_to": Var(("region_to",), "U", meaning="region", required=False),
    },
    attrs=("night", "person", "estimand", "level", "epochs_used", "window_s"),
)
