"""Credentials, from the environment or the system's keyring; never from the config, never written anywhere.

For ``physionet.org``: ``BRAINTWIN_TOKEN_PHYSIONET_ORG``, or ``BRAINTWIN_USER_PHYSIONET_ORG`` and
``BRAINTWIN_PASSWORD_PHYSIONET_ORG``; else the keyring's entry ``braintwin:physionet.org`` (user ``token`` for a token).
For S3: what the AWS tools use (``AWS_ACCESS_KEY_ID`` …, profiles, roles); else the keyring's entry ``braintwin:s3``.
"""

import base64
import os
import re
from functools import cache

SERVICE = "braintwin"


def authorization(host: str) -> str:
    """Return the Authorization header for a host, empty where nothing is known of it."""
    name = re.sub(r"[^A-Za-z0-9]", "_", host).upper()
    token = os.environ.get(f"BRAINTWIN_TOKEN_{name}", "")
    user, word = os.environ.get(f"BRAINTWIN_USER_{name}", ""), os.environ.get(f"BRAINTWIN_PASSWORD_{name}", "")
    if not token and not (user and word):
        user, word = _from_keyring(f"{SERVICE}:{host}")
        if user == "token":
            token = word
    if token:
        return f"Bearer {token}"
    if user and word:
        return "Basic " + base64.b64encode(f"{user}:{word}".encode()).decode()
    return ""


def s3_keys() -> tuple[str, str] | None:
    """Return the access key and its secret from the keyring; None where it has none, or the environment has."""
    if any(name in os.environ for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE")):
        return None
    user, word = _from_keyring(f"{SERVICE}:s3")
    return (user, word) if user and word else None


@cache
def _from_keyring(service: str) -> tuple[str, str]:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ModuleNotFoundError:
        return "", ""
    try:
        found = keyring.get_credential(service, None)
    except (KeyringError, OSError, RuntimeError):
        return "", ""  # a machine without a keyring
    return (found.username, found.password) if found else ("", "")
