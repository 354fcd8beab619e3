"""The reference page of artefacts, written from the contracts themselves."""

from collections.abc import Iterator

from braintwin.contracts.base import Contract, Var
from braintwin.contracts.cohort import COHORT_CONNECTOME
from braintwin.contracts.connect import CONNECTOME
from braintwin.contracts.features import FEATURES
from braintwin.contracts.night import NIGHT_OBSERVED, NIGHT_POSTERIOR, NIGHT_PREDICTIVE, NIGHT_PRIOR, NIGHT_STATS
from braintwin.contracts.prepare import EPOCHS, PREPARED
from braintwin.contracts.rank import RANKING
from braintwin.contracts.simulate import SIMULATED
from braintwin.contracts.spectral import GROUP_CONTRACTS

CONTRACTS: tuple[Contract, ...] = (
    PREPARED,
    EPOCHS,
    FEATURES,
    CONNECTOME,
    *GROUP_CONTRACTS.values(),
    NIGHT_POSTERIOR,
    NIGHT_PRIOR,
    NIGHT_STATS,
    NIGHT_OBSERVED,
    NIGHT_PREDICTIVE,
    SIMULATED,
    RANKING,
    COHORT_CONNECTOME,
)
"""Every contract, in the order of the workflow."""

_KINDS = {"f": "float", "i": "int", "u": "int", "U": "str", "b": "bool"}


def _row(name: str, var: Var) -> str:
    kind = " or ".join(dict.fromkeys(_KINDS[k] for k in var.kind))
    meaning = var.meaning + ("" if var.required else " (optional)")
    return f"| `{name}` | {', '.join(var.dims)} | {kind} | {var.units} | {meaning} |".replace("  ", " ")


def _section(contract: Contract) -> Iterator[str]:
    yield f"## {contract.name}\n\n{contract.meaning}\n"
    yield "| variable | dims | kind | units | meaning |\n|---|---|---|---|---|"
    yield from (_row(name, var) for name, var in {**contract.coords, **contract.variables}.items())
    if contract.attrs:
        yield "\nAttributes: " + ", ".join(f"`{name}`" for name in contract.attrs) + "."
    yield ""


def reference() -> str:
    """Return the text of `docs/reference/artefacts.md`."""
    head = (
        "# Artefacts\n\nWritten from `src/braintwin/contracts` by `make config`; do not edit. Every NetCDF file also"
        " carries `braintwin_version`, `step`, `code`, `options`, `inputs` and `seed`.\n"
    )
    return "\n".join([head, *(line for contract in CONTRACTS for line in _section(contract))]).rstrip() + "\n"
