"""The connectomes of a cohort side by side (`cohort/connectome.nc`)."""

from braintwin.contracts.base import Contract, Var

_MATRIX = ("stage", "band", "node", "node_to")

COHORT_CONNECTOME = Contract(
    name="cohort/connectome.nc",
    meaning="What the connectomes of people with the same channels share, and how individual each is.",
    variables={
        "consensus": Var(_MATRIX, "f", "", "mean weight of the edges that at least half of the people have, else 0"),
        "consensus_error": Var(_MATRIX, "f", "", "its standard error over people"),
        "n_people": Var(("stage", "band"), "iu", "", "people with all pairs estimated"),
        "n_nights": Var(("person", "stage"), "iu", "", "nights with all pairs estimated"),
        "likeness": Var(
            ("person", "stage"), "f", "", "correlation over pairs with the mean of the others, bands averaged"
        ),
        "own_nights": Var(("person", "stage"), "f", "", "correlation over pairs of two nights of this person"),
        "others_nights": Var(("person", "stage"), "f", "", "correlation over pairs of a night of theirs and another's"),
    },
    coords={
        "stage": Var(("stage",), "U", "", "W, N1, N2, N3, R"),
        "band": Var(("band",), "U", "", "name of the band"),
        "node": Var(("node",), "U", "", "channel"),
        "node_to": Var(("node_to",), "U", "", "channel"),
        "person": Var(("person",), "U", "", "people with these channels"),
    },
    attrs=("measure", "other_channels"),  # other_channels: people whose channels differ, who are left out
)
