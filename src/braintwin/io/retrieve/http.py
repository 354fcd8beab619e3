"""Asking a web server: which addresses, with whose credentials, and with how much patience."""

import ipaddress
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from braintwin.errors import DatasetError
from braintwin.io.retrieve.credentials import authorization
from braintwin.options.retrieve import RetrieveOptions

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers of a server that may be different in a moment."""

_LARGEST_TEXT = 64 << 20


def check_address(address: str) -> None:
    """Refuse what is neither https nor http on this machine."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        message = f"{public(address)!r} is no https:// address; write one that is"
        raise DatasetError(message)


def public(address: str) -> str:
    """Return an address without user, password and query, which may hold a key."""
    parts = urlsplit(address)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


class _Redirects(HTTPRedirectHandler):
    """Follows a redirect only to an address that the config could have named; credentials stay behind."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str) -> Any:
        check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def open_address(address: str, headers: Mapping[str, str], timeout_s: float, body: bytes | None = None) -> Any:
    """Return the answer to a request, with the credentials of its host; the caller closes it."""
    check_address(address)
    request = Request(address, data=body, headers={"Accept-Encoding": "identity", **headers})
    if login := authorization(urlsplit(address).hostname or ""):
        request.add_unredirected_header("Authorization", login)
    return build_opener(_Redirects).open(request, timeout=timeout_s)


class Patience:
    """Counts the attempts that brought nothing, and waits between two."""

    def __init__(self, address: str, options: RetrieveOptions, pause: Callable[[float], object]) -> None:
        self.address, self.options, self.pause, self.vain = address, options, pause, 0

    def after(self, cause: Exception, progress: bool) -> None:
        """Wait before the next attempt.

        Raises
        ------
        DatasetError
            If the answer is final, or `options.retries` attempts in a row brought nothing.
        """
        self.vain = 0 if progress else self.vain + 1
        wait: float = min(0.5 * 2**self.vain, 30.0)
        final = self.vain >= self.options.retries
        why = _reason(cause)
        if isinstance(cause, HTTPError):
            final |= cause.code not in _PASSING
            asked = _retry_after(cause.headers.get("Retry-After", ""))
            if asked is not None:
                wait = asked
                if asked > self.options.longest_wait_s:
                    final, why = True, f"{why} and asks to wait {asked:.0f} s (retrieve.longest_wait_s)"
            cause.close()
        if final:
            raise DatasetError(_failure(self.address, why, max(1, self.vain))) from None
        self.pause(wait)


def _reason(cause: Exception) -> str:
    if isinstance(cause, HTTPError):
        hint = "; it may need credentials, see docs/howto/get-data.md" if cause.code in (401, 403) else ""
        return f"the server answered {cause.code} {cause.reason}{hint}"
    return str(cause.reason) if isinstance(cause, URLError) else f"{cause or type(cause).__name__}"


def _failure(address: str, why: str, attempts: int) -> str:
    times = "once" if attempts == 1 else f"{attempts} times"
    return f"{public(address)} cannot be downloaded (tried {times}): {why}; correct the source, or run again to resume"


def _retry_after(text: str) -> float | None:
    """Return the seconds that a Retry-After header asks for: a number, or a date."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def fetch_text(
    address: str,
    options: RetrieveOptions,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    pause: Callable[[float], object] = time.sleep,
) -> tuple[str, str]:
    """Return a small text and the address that it came from, after redirects."""
    patience = Patience(address, options, pause)
    while True:
        try:
            with open_address(address, headers or {}, options.timeout_s, body) as answer:
                text: bytes = answer.read(_LARGEST_TEXT)
                length = answer.headers.get("Content-Length")
                if length is not None and len(text) < min(int(length), _LARGEST_TEXT):
                    message = f"the connection was cut after {len(text)} of {length} bytes"
                    raise ConnectionError(message)
                return text.decode("utf-8", errors="replace"), str(answer.url)
        except (OSError, HTTPException, ValueError) as cause:
            patience.after(cause, progress=False)
