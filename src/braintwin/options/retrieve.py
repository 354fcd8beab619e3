"""Options of `retrieve`."""

from typing import Any

from pydantic import model_validator

from braintwin.options.base import Options, option
from braintwin.options.source import refuse_secrets


class RetrieveOptions(Options):
    """How datasets are brought here."""

    retries: int = option(3, "Attempts in a row that may bring nothing, before a download is given up.", ge=1, le=20)
    timeout_s: float = option(60.0, "Longest silence of a server.", unit="s", gt=0)
    longest_wait_s: float = option(300.0, "Longest wait that a server may ask for (Retry-After).", unit="s", ge=0)
    connections: int = option(4, "Files that are brought at the same time.", ge=1, le=32)
    s3_endpoint: str = option("https://s3.amazonaws.com", "Where s3:// and openneuro: sources lie.")
    openneuro_bucket: str = option("openneuro.org", "Bucket of the published OpenNeuro datasets.")
    openneuro_api: str = option("https://openneuro.org/crn/graphql", "Where OpenNeuro lists the files of a version.")
    physionet: str = option("https://physionet.org", "Where physionet: sources lie; a mirror has the same paths.")

    @model_validator(mode="before")
    @classmethod
    def _no_secrets(cls, values: Any) -> Any:
        return refuse_secrets(values, cls.model_fields)
