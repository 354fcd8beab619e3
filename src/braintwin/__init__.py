"""BrainTwin: digital twins of the sleeping brain, from a BIDS dataset to a ranking of treatments.

``bt.load("results/demo/people/synthetic-01")`` is one person's twin, ``bt.Study("results/demo")`` all of a study's.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Study", "Twin", "WhatIf", "__version__", "load"]

if TYPE_CHECKING:
    from braintwin.notebook import Study, Twin, WhatIf, load


def __getattr__(name: str) -> Any:
    """Import the notebook interface when it is asked for: a step imports this package and needs none of it."""
    if name in __all__:
        import importlib

        return getattr(importlib.import_module("braintwin.notebook"), name)
    message = f"module 'braintwin' has no attribute {name!r}"
    raise AttributeError(message)
