"""Options of `hypnograms`."""

from braintwin.options.base import Options, option


class HypnogramsOptions(Options):
    """How the stages are written as a BIDS derivative."""

    merge: bool = option(True, "Whether neighbouring epochs of one stage are one row; automatic stages never are.")
