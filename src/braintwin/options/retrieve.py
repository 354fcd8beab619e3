"""Options of `retrieve`."""

from braintwin.options.base import Options, option


class RetrieveOptions(Options):
    """How datasets are brought here."""

    retries: int = option(3, "Attempts at one download.", ge=1, le=20)
    timeout_s: float = option(60.0, "Longest silence of a server.", unit="s", gt=0)
