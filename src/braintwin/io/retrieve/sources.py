"""What a source holds, by its scheme: ``openneuro:``, ``physionet:``, ``s3://``, an https folder with SHA256SUMS.txt.

A scheme is a function that returns a :class:`Listing`; the transfer, the checks and the resuming are the same for all.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from braintwin.errors import ConfigError, DatasetError
from braintwin.io.retrieve.credentials import s3_keys
from braintwin.io.retrieve.files import RemoteFile, etag_checksum
from braintwin.io.retrieve.http import fetch_text, public
from braintwin.options.dataset import DatasetOptions
from braintwin.options.retrieve import RetrieveOptions

SUMS = "SHA256SUMS.txt"
AMAZON = "https://s3.amazonaws.com"


@dataclass(frozen=True)
class Listing:
    """The files of a source, and its version where the source names one."""

    files: list[RemoteFile]
    version: str = ""


def scheme(source: str) -> str:
    """Return ``openneuro``, ``physionet``, ``s3``, ``https``, ``datalad`` or ``synthetic``; empty for a path."""
    found = re.match(r"(openneuro|physionet|datalad|synthetic):(?!//)|([a-z][a-z0-9+.-]*)://", source)
    if not found:
        return ""
    if found[1]:
        return found[1]
    return "https" if found[2] == "http" else found[2]


def list_source(dataset: DatasetOptions, options: RetrieveOptions, what: str) -> Listing:
    """Return what the source of a dataset holds.

    Raises
    ------
    DatasetError, ConfigError
        If the scheme is not known, or the source cannot be listed.
    """
    kind = scheme(dataset.source)
    if kind not in SCHEMES:
        known = "openneuro:, physionet:, s3://, https://, datalad:, synthetic:"
        message = (
            f"{what}: source {public(dataset.source)!r} is of no known scheme; known are {known}, a folder, an archive"
        )
        raise DatasetError(message)
    return SCHEMES[kind](dataset, options, what)


def _s3(dataset: DatasetOptions, options: RetrieveOptions, what: str) -> Listing:
    """List ``s3://bucket/prefix``."""
    parts = urlsplit(dataset.source)
    prefix = parts.path.strip("/")
    return Listing(_list_bucket(parts.netloc, prefix, dataset, options, what), dataset.version or "")


def _openneuro(dataset: DatasetOptions, options: RetrieveOptions, what: str) -> Listing:
    """List ``openneuro:ds000001``: the bucket's newest version, or the files of a version as the archive tells them."""
    identifier = dataset.source.partition(":")[2].strip("/")
    if not re.fullmatch(r"ds\d{6}", identifier):
        message = f"{what}: {identifier!r} is no OpenNeuro dataset; write openneuro:ds and six digits"
        raise ConfigError(message)
    if not dataset.version:
        return Listing(_list_bucket(options.openneuro_bucket, identifier, dataset, options, what))
    return Listing(_snapshot(identifier, dataset.version, options, what), dataset.version)


_SNAPSHOT = """query files($dataset: ID!, $tag: String!) {
  snapshot(datasetId: $dataset, tag: $tag) { id files(recursive: true) { filename size urls } }
}"""


def _snapshot(identifier: str, version: str, options: RetrieveOptions, what: str) -> list[RemoteFile]:
    """Ask OpenNeuro for the files of one version; their addresses name the version of each object."""
    body = json.dumps({"query": _SNAPSHOT, "variables": {"dataset": identifier, "tag": version}}).encode()
    text, _ = fetch_text(options.openneuro_api, options, body=body, headers={"Content-Type": "application/json"})
    try:
        answer = json.loads(text)
        snapshot = (answer.get("data") or {}).get("snapshot")
        if not snapshot:
            errors = "; ".join(str(e.get("message", "")) for e in answer.get("errors") or [])
            why = errors or "no answer"
            message = f"{what}: OpenNeuro has no version {version!r} of {identifier} ({why}); correct version"
            raise DatasetError(message)
        return [
            RemoteFile(entry["filename"], entry["urls"][0], _whole(entry.get("size")))
            for entry in snapshot["files"]
            if entry.get("urls")
        ]
    except (ValueError, AttributeError, KeyError, TypeError, IndexError):
        message = f"{what}: OpenNeuro answered in a form that is not known; leave version out, or use datalad:"
        raise DatasetError(message) from None


def _whole(size: Any) -> int | None:
    return size if isinstance(size, int) and size >= 0 else None


def _s3_system(signed: bool, requester_pays: bool, options: RetrieveOptions) -> Any:
    """Return s3fs for a bucket: unsigned, or signed with what the environment or the keyring holds."""
    import s3fs

    keys = s3_keys() if signed else None
    amazon = options.s3_endpoint.rstrip("/") == AMAZON
    config: dict[str, Any] = {
        "connect_timeout": options.timeout_s,
        "read_timeout": options.timeout_s,
        "retries": {"max_attempts": options.retries, "mode": "standard"},
    }
    return s3fs.S3FileSystem(
        anon=not signed,
        key=keys[0] if keys else None,
        secret=keys[1] if keys else None,
        endpoint_url=None if amazon else options.s3_endpoint,
        cache_regions=amazon,  # asks where the bucket lies: an address or a signature is good for its own region only
        requester_pays=requester_pays,
        client_kwargs={} if amazon else {"region_name": "us-east-1"},
        config_kwargs={**config, **({"signature_version": "s3v4"} if signed else {})},
        skip_instance_cache=True,
    )


def _list_bucket(
    bucket: str, prefix: str, dataset: DatasetOptions, options: RetrieveOptions, what: str
) -> list[RemoteFile]:
    """List a bucket below a prefix with s3fs: unsigned, or signed where `dataset.access` asks for it."""
    from botocore.exceptions import BotoCoreError, ClientError

    signed = dataset.access == "credentials" or dataset.requester_pays
    system = _s3_system(signed, dataset.requester_pays, options)
    root = f"{bucket}/{prefix}" if prefix else bucket
    try:
        found = system.find(root, detail=True)
    except (OSError, BotoCoreError, ClientError) as cause:
        hint = "" if signed else "; write access: credentials where it is not public"
        message = f"{what}: s3://{root} cannot be listed ({cause}){hint}"
        raise DatasetError(message) from None
    if not found:
        message = f"{what}: s3://{root} holds no file; correct the source"
        raise DatasetError(message)
    payer = {"RequestPayer": "requester"} if dataset.requester_pays else {}
    headers = (("x-amz-request-payer", "requester"),) if payer else ()

    plain = "" if signed or options.s3_endpoint.rstrip("/") == AMAZON else options.s3_endpoint.rstrip("/")

    def asked(path: str) -> Callable[[], str]:
        return lambda: str(system.url(path, expires=3600, **payer))

    return [
        RemoteFile(
            path[len(root) :].lstrip("/"),
            f"{plain}/{quote(path)}" if plain else asked(path),
            int(entry["size"]),
            etag_checksum(str(entry.get("ETag", ""))),
            headers,
        )
        for path, entry in found.items()
        if not path.endswith("/") and path != root
    ]


def _physionet(dataset: DatasetOptions, options: RetrieveOptions, what: str) -> Listing:
    """List ``physionet:sleep-edfx``: the newest version is the one that its page leads to."""
    slug = dataset.source.partition(":")[2].strip("/")
    slug, _, inside = slug.partition("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", slug):
        message = f"{what}: {slug!r} is no PhysioNet project; write it as in its address, e.g. physionet:sleep-edfx"
        raise ConfigError(message)
    base, version = options.physionet.rstrip("/"), dataset.version or inside
    if not version:
        _, landed = fetch_text(f"{base}/content/{slug}/", options)
        found = re.search(rf"/content/{re.escape(slug)}/([^/]+)/?$", urlsplit(landed).path)
        if not found:
            message = f"{what}: the newest version of {slug} is not told; write it under version, e.g. version: 1.0.0"
            raise DatasetError(message)
        version = found[1]
    return Listing(_sums(f"{base}/files/{slug}/{version}/", options, what), version)


def _https(dataset: DatasetOptions, options: RetrieveOptions, what: str) -> Listing:
    """List an https folder by its SHA256SUMS.txt."""
    if not dataset.source.endswith("/"):
        message = (
            f"{what}: {public(dataset.source)!r} is neither an archive (.tar.gz, .zip) nor a folder; the address of a "
            f"folder ends with / and holds {SUMS}"
        )
        raise ConfigError(message)
    return Listing(_sums(dataset.source, options, what), dataset.version or "")


def _sums(base: str, options: RetrieveOptions, what: str) -> list[RemoteFile]:
    text, _ = fetch_text(urljoin(base, SUMS), options)
    found = [re.fullmatch(r"([0-9A-Fa-f]{64})\s+\*?(?:\./)?(.+)", line.strip()) for line in text.splitlines()]
    files = [RemoteFile(f[2], urljoin(base, quote(f[2])), None, f"sha256:{f[1].lower()}") for f in found if f]
    if not files:
        message = f"{what}: {public(urljoin(base, SUMS))} names no file; correct the source"
        raise DatasetError(message)
    return files


SCHEMES: dict[str, Callable[[DatasetOptions, RetrieveOptions, str], Listing]] = {
    "s3": _s3,
    "openneuro": _openneuro,
    "physionet": _physionet,
    "https": _https,
}
"""How each scheme is listed; a new one is a function here."""
