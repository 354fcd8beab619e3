"""Options of `virtual-trial`."""

from braintwin.options.base import Options, option
from braintwin.options.dask import DaskOptions


class VirtualTrialOptions(Options):
    """Where virtual trials are run."""

    dask: DaskOptions = option(DaskOptions(), "Where portions of the trials are run; the numbers do not depend on it.")
