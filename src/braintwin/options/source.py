"""Which files of a source are brought, and what must never stand in a config."""

import re
from collections.abc import Mapping
from typing import Any

from braintwin.options.base import Options, option

_SECRET = re.compile(
    r"(token|secret|password|passwd|passphrase|api_?key|access_?key|credential|signature)", re.IGNORECASE
)
_USER = re.compile(r"^[a-z][a-z0-9+.-]*://[^/@]*@")
ADVICE = (
    "secrets are read from the environment or the keyring, never from the config (docs/howto/get-data.md); take it out"
)


class SubsetOptions(Options):
    """Which files of a remote source or of a datalad dataset are brought; all of them where nothing is set."""

    subjects: list[str] | None = option(None, "Participants to bring (labels without sub-).")
    exclude_subjects: list[str] = option([], "Participants to leave out.")
    suffixes: list[str] = option(
        [], "Of participants, bring only files of these BIDS suffixes or endings, e.g. [events, .edf]."
    )
    exclude_suffixes: list[str] = option([], "Of participants, leave out files of these suffixes or endings.")
    include: list[str] = option([], "Bring only what matches one of these patterns, e.g. ['sleep-telemetry/*'].")
    exclude: list[str] = option([], "Leave out what matches one of these patterns, e.g. ['derivatives/*'].")


def refuse_secrets(values: Any, known: Mapping[str, Any]) -> Any:
    """Refuse a key that looks like a secret, or an address that holds one; the value is never repeated.

    Raises
    ------
    ValueError
        Naming the key.
    """
    if not isinstance(values, Mapping):
        return values
    for key in values:
        if key not in known and _SECRET.search(str(key)):
            message = f"{str(key)!r} looks like a secret; {ADVICE}"
            raise ValueError(message)
    for key, value in values.items():
        if not isinstance(value, str) or "://" not in value:
            continue
        address = value.removeprefix("datalad:")
        query = address.partition("?")[2]
        if _USER.match(address) and not address.startswith("ssh://"):
            message = f"{key} holds a user or password before its host; {ADVICE}"
            raise ValueError(message)
        if _SECRET.search(query) or re.search(r"(^|[&?])(key|sig|auth)=", query, re.IGNORECASE):
            message = f"{key} holds what looks like a key after its ?; {ADVICE}"
            raise ValueError(message)
    return values
