"""Sources by name, against a local S3 server, a local web server and local clones; the code is the real one."""

import hashlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from braintwin.contracts.tables import DatasetRecord
from braintwin.errors import ConfigError, DatasetError
from braintwin.io.retrieve import files, tree
from braintwin.io.retrieve.files import RemoteFile
from braintwin.io.retrieve.sources import list_source, scheme
from braintwin.options.dataset import DatasetOptions
from braintwin.options.retrieve import RetrieveOptions
from braintwin.options.source import SubsetOptions
from retrieved import bring
from unruly_server import UnrulyServer, serving

ENVIRONMENT = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL")
DOI = "doi:10.18112/openneuro.ds000001.v1.1.0"


def tree_of(people: tuple[str, ...] = ("01", "02"), version: str = "1.1.0") -> dict[str, bytes]:
    description = {"Name": "Nights", "License": "CC0", "BIDSVersion": "1.9.0", "DatasetDOI": DOI}
    found = {
        "dataset_description.json": json.dumps(description).encode(),
        "participants.tsv": b"participant_id\n" + b"".join(f"sub-{label}\n".encode() for label in people),
        "CHANGES": f"{version} 2026-01-01\n".encode(),
    }
    for label in people:
        stem = f"sub-{label}/eeg/sub-{label}_task-sleep"
        found[f"{stem}_events.tsv"] = b"onset\tduration\tstage\n0\t30\tW\n"
        found[f"{stem}_eeg.json"] = b"{}"
        found[f"{stem}_eeg.edf"] = hashlib.sha256(label.encode()).digest() * 3000
    return found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def server() -> Iterator[UnrulyServer]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = ThreadedMotoServer(port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host.replace('0.0.0.0', '127.0.0.1')}:{port}"
    running.stop()


@pytest.fixture
def s3(s3_server: str) -> Iterator[Any]:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=s3_server,
        aws_access_key_id="x",
        aws_secret_access_key="y",
        region_name="us-east-1",
    )
    yield client
    for bucket in client.list_buckets()["Buckets"]:
        for found in client.list_object_versions(Bucket=bucket["Name"]).get("Versions", []):
            client.delete_object(Bucket=bucket["Name"], Key=found["Key"], VersionId=found["VersionId"])
        client.delete_bucket(Bucket=bucket["Name"])


def fill(s3: Any, bucket: str, prefix: str, content: dict[str, bytes], *, versioned: bool = False) -> dict[str, str]:
    """Put a tree into a public bucket and return the version of each object."""
    s3.create_bucket(Bucket=bucket, ACL="public-read")
    if versioned:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put = {name: s3.put_object(Bucket=bucket, Key=prefix + name, Body=body) for name, body in content.items()}
    return {name: answer.get("VersionId", "") for name, answer in put.items()}


def brought(record: DatasetRecord) -> dict[str, bytes]:
    root = Path(record.root)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("openneuro:ds005555", "openneuro"),
        ("physionet:sleep-edfx", "physionet"),
        ("s3://bucket/prefix", "s3"),
        ("https://example.org/a.zip", "https"),
        ("http://localhost/a.zip", "https"),
        ("datalad:https://example.org/a", "datalad"),
        ("synthetic:8", "synthetic"),
        ("../shared/data", ""),
        ("C:/data", ""),
        ("ftp://example.org/a", "ftp"),
    ],
)
def test_scheme(source: str, kind: str) -> None:
    assert scheme(source) == kind


def test_openneuro_newest(here: Path, s3: Any, s3_server: str) -> None:
    content = tree_of()
    fill(s3, "openneuro.org", "ds000001/", content)
    record = bring(here, {"s3_endpoint": s3_server}, source="openneuro:ds000001", terms="CC0, cite the DOI")
    assert brought(record) == content
    assert (record.kind, record.source, record.version, record.licence) == (
        "openneuro",
        "openneuro:ds000001",
        "1.1.0",
        "CC0",
    )
    assert record.citation == DOI
    assert record.terms == "CC0, cite the DOI"
    assert (record.files, record.bytes, record.unproved) == (len(content), sum(map(len, content.values())), 0)
    assert bring(here, {"s3_endpoint": "http://127.0.0.1:1"}, source="openneuro:ds000001", terms=record.terms) == record


def test_a_source_can_be_pinned_by_its_checksum(here: Path, server: UnrulyServer) -> None:
    server.files.update({f"/d/{name}": body for name, body in tree_of().items()})
    server.sums("/d/")
    first = bring(here, source=server.address("/d/"))
    assert bring(here, source=server.address("/d/"), checksum=first.checksum) == first
    with pytest.raises(DatasetError, match=f"over all files is {first.checksum}, expected sha256:0000"):
        bring(here, source=server.address("/d/"), checksum="sha256:" + "0" * 64)


def test_openneuro_subset_and_what_another_subset_has_brought(here: Path, s3: Any, s3_server: str) -> None:
    fill(s3, "openneuro.org", "ds000001/", tree_of())
    at = {"s3_endpoint": s3_server}
    own = {"CHANGES", "dataset_description.json", "participants.tsv"}
    first = bring(
        here, at, source="openneuro:ds000001", subset={"subjects": ["sub-01"], "suffixes": ["events", ".json"]}
    )
    assert set(brought(first)) == own | {f"sub-01/eeg/sub-01_task-sleep_{s}" for s in ("events.tsv", "eeg.json")}
    second = bring(
        here, at, source="openneuro:ds000001", subset={"exclude_subjects": ["01"], "exclude_suffixes": ["eeg"]}
    )
    assert set(brought(second)) == own | {"sub-02/eeg/sub-02_task-sleep_events.tsv"}
    assert first.root != second.root
    shared = [Path(record.root, "CHANGES").stat().st_ino for record in (first, second)]
    assert shared[0] == shared[1], "a file that is here was brought again"


def test_openneuro_version(here: Path, s3: Any, s3_server: str, server: UnrulyServer) -> None:
    old = tree_of(version="1.0.0")
    versions = fill(s3, "openneuro.org", "ds000001/", old, versioned=True)
    for name in old:
        s3.put_object(Bucket="openneuro.org", Key=f"ds000001/{name}", Body=b"newer")

    def snapshot(body: bytes) -> tuple[int, bytes]:
        asked = json.loads(body)["variables"]
        if asked != {"dataset": "ds000001", "tag": "1.0.0"}:
            return 200, b'{"errors": [{"message": "no such tag"}], "data": {"snapshot": null}}'
        found = [
            {
                "filename": name,
                "size": len(content),
                "urls": [f"{s3_server}/openneuro.org/ds000001/{name}?versionId={versions[name]}"],
            }
            for name, content in old.items()
        ]
        folder = {"filename": "sub-01", "size": 0, "urls": []}
        return 200, json.dumps({"data": {"snapshot": {"id": "ds000001:1.0.0", "files": [*found, folder]}}}).encode()

    server.answers["/crn/graphql"] = snapshot
    at = {"s3_endpoint": s3_server, "openneuro_api": server.address("/crn/graphql")}
    record = bring(here, at, source="openneuro:ds000001", version="1.0.0")
    assert brought(record) == old
    assert record.version == "1.0.0"
    with pytest.raises(DatasetError, match=r"no version '9' of ds000001 \(no such tag\)"):
        bring(here, at, source="openneuro:ds000001", version="9")
    server.answers["/crn/graphql"] = lambda body: (
        200,
        b'{"data": {"snapshot": {"files": [{"name": 1, "urls": [1]}]}}}',
    )
    with pytest.raises(DatasetError, match="in a form that is not known"):
        bring(here, at, source="openneuro:ds000001", version="2")


def test_a_file_that_s3_serves_corrupt_is_refused(here: Path, s3: Any, s3_server: str, server: UnrulyServer) -> None:
    """Listed by the S3 server, served by one that corrupts: the MD5 of the listing notices."""
    content = tree_of(("01",))
    fill(s3, "open", "d/", content)
    name = "sub-01/eeg/sub-01_task-sleep_eeg.edf"
    server.files[f"/{name}"] = content[name]
    server.faults[f"/{name}"] = ["corrupt:5", "corrupt:6"]
    listed = RemoteFile(name, server.address(f"/{name}"), len(content[name]), _etag(s3, "open", f"d/{name}"))
    with pytest.raises(DatasetError, match="arrived twice and is not what was promised: md5 is"):
        tree.bring([listed], here / "store" / "d-1", "dataset 'd'", RetrieveOptions(retries=2))
    tree.bring([listed], here / "store" / "d-1", "dataset 'd'", RetrieveOptions(retries=2))
    assert (here / "store" / "d-1" / name).read_bytes() == content[name]


def _etag(s3: Any, bucket: str, key: str) -> str:
    return files.etag_checksum(s3.head_object(Bucket=bucket, Key=key)["ETag"])


def test_s3_parts_are_proved_where_their_size_is_usual(here: Path, s3: Any, s3_server: str) -> None:
    fill(s3, "parts", "", {"dataset_description.json": b"{}"})
    for name, part in (("usual", 5 << 20), ("odd", (5 << 20) + 17)):
        upload = s3.create_multipart_upload(Bucket="parts", Key=name)["UploadId"]
        pieces = []
        for number, body in enumerate((bytes(part), b"end"), 1):
            etag = s3.upload_part(Bucket="parts", Key=name, UploadId=upload, PartNumber=number, Body=body)["ETag"]
            pieces.append({"PartNumber": number, "ETag": etag})
        s3.complete_multipart_upload(Bucket="parts", Key=name, UploadId=upload, MultipartUpload={"Parts": pieces})
    record = bring(here, {"s3_endpoint": s3_server}, source="s3://parts")
    manifest = tree.read_manifest(here / record.root)
    assert manifest is not None
    assert {file.path: file.proof for file in manifest.files} == {
        "dataset_description.json": "md5",
        "odd": "size",
        "usual": "md5",
    }
    assert record.unproved == 1


def test_a_bucket_that_is_not_there(here: Path, s3: Any, s3_server: str) -> None:
    with pytest.raises(DatasetError, match=r"s3://absent/d (cannot be listed|holds no file)"):
        bring(here, {"s3_endpoint": s3_server}, source="s3://absent/d")


def test_a_bucket_with_credentials_and_requester_pays(
    here: Path, s3: Any, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is asked is signed with the environment's key and says who pays; nothing of it is in the record."""
    content = tree_of(("01",))
    fill(s3, "closed", "d/", content)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAHUSH")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    seen: list[RemoteFile] = []
    whole = tree.bring

    def watched(listed: list[RemoteFile], *args: Any, **keywords: Any) -> tree.Manifest:
        seen.extend(listed)
        return whole(listed, *args, **keywords)

    monkeypatch.setattr(tree, "bring", watched)
    record = bring(here, {"s3_endpoint": s3_server}, source="s3://closed/d", requester_pays=True)
    assert brought(record) == content
    for file in seen:
        assert "X-Amz-Credential=AKIAHUSH" in file.url()
        assert "x-amz-request-payer" in file.url()
        assert file.headers == (("x-amz-request-payer", "requester"),)
    written = [p.read_text() for p in (here, here / "store") for p in p.glob("*.json")]
    assert not any("HUSH" in text.upper() for text in written)


def test_keys_from_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.credentials import SimpleCredential

    from braintwin.io.retrieve.credentials import _from_keyring, authorization, s3_keys

    _from_keyring.cache_clear()
    kept = {
        "braintwin:s3": SimpleCredential("AKIA", "hush"),
        "braintwin:physionet.org": SimpleCredential("token", "hush"),
    }
    monkeypatch.setattr(keyring, "get_credential", lambda service, user: kept.get(service))
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    assert s3_keys() == ("AKIA", "hush")
    assert authorization("physionet.org") == "Bearer hush"
    assert authorization("example.org") == ""
    monkeypatch.setenv("AWS_PROFILE", "lab")
    assert s3_keys() is None
    _from_keyring.cache_clear()


@pytest.mark.parametrize("version", [None, "1.0.0"])
def test_physionet(here: Path, server: UnrulyServer, version: str | None) -> None:
    content = {name: body for name, body in tree_of().items() if name != "CHANGES"}
    content["dataset_description.json"] = b'{"Name": "Nights", "BIDSVersion": "1.9.0"}'
    content["LICENSE.txt"] = b"\nOpen Data Commons Attribution License v1.0\n\nPREAMBLE\n"
    server.files.update({f"/files/nights/1.0.0/{name}": body for name, body in content.items()})
    server.sums("/files/nights/1.0.0/")
    server.files["/content/nights/1.0.0/"] = b"<html>"
    server.faults["/content/nights/"] = ["redirect:/content/nights/1.0.0/"]
    record = bring(here, {"physionet": server.address()}, source="physionet:nights", version=version)
    assert brought(record) == content
    assert (record.kind, record.version, record.unproved) == ("physionet", "1.0.0", 0)
    assert record.licence == "Open Data Commons Attribution License v1.0"


def test_physionet_with_credentials(here: Path, server: UnrulyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINTWIN_USER_127_0_0_1", "me")
    monkeypatch.setenv("BRAINTWIN_PASSWORD_127_0_0_1", "hush")
    server.files.update({f"/files/nights/1/{name}": body for name, body in tree_of().items()})
    server.sums("/files/nights/1/")
    record = bring(here, {"physionet": server.address()}, source="physionet:nights", version="1")
    assert all(headers["Authorization"].startswith("Basic ") for _, headers in server.asked)
    assert "hush" not in (here / "d.json").read_text()
    assert record.version == "1"


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "sub-01/../../escaped", "a//b", "sub-01\\escaped"])
def test_a_listing_that_reaches_out_is_refused(here: Path, server: UnrulyServer, name: str) -> None:
    server.files["/d/SHA256SUMS.txt"] = f"{'0' * 64}  {name}\n".encode()
    with pytest.raises(DatasetError, match="outside the dataset's own folder; refused"):
        bring(here, source=server.address("/d/"))
    assert not list((here / "store").glob("d-*"))


@pytest.mark.parametrize(
    ("names", "reason"),
    [(("a", "a"), "twice"), (("a", "a/b"), "as a file and as a folder"), (("a", "a.part"), "a.part")],
)
def test_a_listing_that_contradicts_itself_is_refused(
    here: Path, server: UnrulyServer, names: tuple[str, str], reason: str
) -> None:
    server.files["/d/SHA256SUMS.txt"] = "".join(f"{'0' * 64}  {name}\n" for name in names).encode()
    with pytest.raises(DatasetError, match=reason):
        bring(here, source=server.address("/d/"))


def test_a_file_that_fails_keeps_the_others_for_the_next_run(here: Path, server: UnrulyServer) -> None:
    content = tree_of()
    server.files.update({f"/d/{name}": body for name, body in content.items()})
    server.sums("/d/")
    gone = "sub-02/eeg/sub-02_task-sleep_eeg.edf"
    server.faults[f"/d/{gone}"] = ["404"]
    with pytest.raises(DatasetError, match=r"_eeg\.edf cannot be downloaded .*404"):
        bring(here, {"connections": 1}, source=server.address("/d/"))
    assert not (here / "d.json").exists()
    record = bring(here, source=server.address("/d/"))
    assert brought(record) == content
    assert {name: server.sent[f"/d/{name}"] for name in content} == {name: len(body) for name, body in content.items()}


def test_a_source_that_changed_between_two_runs(here: Path, server: UnrulyServer) -> None:
    content = tree_of()
    server.files.update({f"/d/{name}": body for name, body in content.items()})
    server.sums("/d/")
    server.faults["/d/sub-02/eeg/sub-02_task-sleep_eeg.edf"] = ["404"]
    with pytest.raises(DatasetError, match="404"):
        bring(here, {"connections": 1}, source=server.address("/d/"))
    del server.files["/d/sub-01/eeg/sub-01_task-sleep_eeg.json"], content["sub-01/eeg/sub-01_task-sleep_eeg.json"]
    content["CHANGES"] = server.files["/d/CHANGES"] = b"1.2.0 2026-02-02\n"
    server.sums("/d/")
    assert brought(bring(here, source=server.address("/d/"))) == content


def test_a_disk_that_is_too_small_is_told_before_the_first_byte(
    here: Path, server: UnrulyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/a"] = b"abc"
    listed = RemoteFile("a", server.address("/a"), 1 << 60)
    with pytest.raises(
        DatasetError, match=r"are still to come and .* GB are free; free some, or bring less \(subset\)"
    ):
        tree.bring([listed], here / "store" / "d-1", "dataset 'd'", RetrieveOptions())
    assert server.asked == []


@pytest.mark.parametrize(
    ("source", "options", "error", "reason"),
    [
        ("openneuro:5555", {}, ConfigError, "write openneuro:ds and six digits"),
        ("physionet:../x", {}, ConfigError, "no PhysioNet project"),
        ("gopher://example.org/", {}, DatasetError, "no known scheme; known are openneuro:"),
    ],
)
def test_what_is_no_source_is_told(
    here: Path, source: str, options: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        bring(here, source=source, **options)


@pytest.mark.parametrize(
    ("source", "given", "key"),
    [
        ("raw", {"subset": {"subjects": ["01"]}}, "subset means nothing for source 'raw'; take it out; choose"),
        ("raw", {"version": "1"}, "version means nothing"),
        (
            "https://example.org/a.zip?x=1",
            {"version": "1"},
            "version means nothing for source 'https://example.org/a.zip'",
        ),
        ("openneuro:ds000001", {"access": "credentials"}, "access means nothing"),
        ("physionet:x", {"requester_pays": True}, "requester_pays means nothing"),
        ("synthetic:3", {"convert": {"reader": "sleep-edf"}}, "convert means nothing"),
    ],
)
def test_what_a_source_would_not_heed_is_refused(here: Path, source: str, given: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        bring(here, source=source, **given)


def test_a_subset_must_name_who_is_there() -> None:
    listed = [RemoteFile(name, "https://example.org/") for name in tree_of()]
    with pytest.raises(DatasetError, match=r"names '011', who is not in the source \(did you mean '01'\?\)"):
        files.chosen(listed, SubsetOptions(subjects=["011"]), "dataset 'd'")
    with pytest.raises(DatasetError, match="lists 9 files and subset leaves none"):
        files.chosen(listed, SubsetOptions(include=["*.nothing"]), "dataset 'd'")
    only = files.chosen(listed, SubsetOptions(include=["*.tsv"], exclude=["sub-*"]), "dataset 'd'")
    assert [file.path for file in only] == ["participants.tsv"]


@pytest.fixture(scope="module")
def annexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A datalad dataset whose recordings are annexed."""
    folder = tmp_path_factory.mktemp("datalad") / "origin"
    beside = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}",
        **{f"GIT_{role}_{part}": "x@y" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")},
    }

    def call(*words: str) -> None:
        subprocess.run([*words], cwd=folder.parent, env=environment, check=True, capture_output=True)

    call("datalad", "create", "-c", "text2git", "origin")
    for name, body in tree_of().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body if not name.endswith(".edf") else b"0       \x00" + body)
    call("datalad", "save", "-d", "origin", "-m", "nights", "--version-tag", "1.1.0")
    return folder


def test_datalad_partial_content(here: Path, annexed: Path) -> None:
    record = bring(here, source=f"datalad:{annexed}", version="1.1.0", subset={"subjects": ["01"]})
    root = Path(record.root)
    edf = {label: root / f"sub-{label}" / "eeg" / f"sub-{label}_task-sleep_eeg.edf" for label in ("01", "02")}
    assert edf["01"].read_bytes() == (annexed / edf["01"].relative_to(root)).read_bytes()
    assert edf["02"].is_symlink() and not edf["02"].exists()
    assert (record.kind, record.version, record.licence) == ("datalad", "1.1.0", "CC0")
    assert record.checksum.startswith("git:") and len(record.checksum) == 44
    assert str(annexed) not in (here / "d.json").read_text()
    assert bring(here, source=f"datalad:{annexed}", version="1.1.0", subset={"subjects": ["01"]}) == record


def test_datalad_that_cannot_be_cloned(here: Path) -> None:
    with pytest.raises(DatasetError, match=r"dataset 'd': datalad clone failed \(.*\); run again to go on"):
        bring(here, source="datalad:absent")


def test_the_command_fills_the_store(here: Path, server: UnrulyServer, capsys: pytest.CaptureFixture[str]) -> None:
    from braintwin.cli.main import run

    server.files.update({f"/d/{name}": body for name, body in tree_of().items()})
    server.sums("/d/")
    (here / "study.yaml").write_text(json.dumps({"datasets": {"d": {"source": server.address("/d/")}}}))
    assert run(["retrieve", "--config", "study.yaml"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("d: resources/d-") and "9 files" in told.out
    assert "dataset 'd': 9 of 9 files" in told.err
    asked = len(server.asked)
    assert run(["retrieve", "--config", "study.yaml", "d"]) == 0
    assert len(server.asked) == asked
    assert run(["retrieve", "--config", "study.yaml", "e"]) == 2
    assert "has no dataset 'e'" in capsys.readouterr().err


def test_addresses_on_amazon_are_those_that_openneuro_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network: what would be asked of the public bucket, which could not be reached."""
    import s3fs

    monkeypatch.setattr(
        s3fs.S3FileSystem,
        "find",
        lambda system, root, detail: {f"{root}/sub-1/a b+c.edf": {"size": 3, "ETag": '"' + "0" * 32 + '"'}},
    )
    whole = s3fs.S3FileSystem.__init__
    monkeypatch.setattr(
        s3fs.S3FileSystem, "__init__", lambda self, **given: whole(self, **{**given, "cache_regions": False})
    )
    listing = list_source(DatasetOptions(source="openneuro:ds000001"), RetrieveOptions(), "dataset 'd'")
    (file,) = listing.files
    assert (file.path, file.size, file.checksum) == ("sub-1/a b+c.edf", 3, "md5:" + "0" * 32)
    assert file.url() == "https://s3.amazonaws.com/openneuro.org/ds000001/sub-1/a%20b%2Bc.edf"


def test_one_fault_ends_the_waiting_of_the_others(here: Path, server: UnrulyServer) -> None:
    server.files.update({"/d/a": b"a", "/d/b": b"b"})
    server.sums("/d/")
    server.faults["/d/a"] = ["503:200"]
    server.faults["/d/b"] = ["404"]
    began = time.monotonic()
    with pytest.raises(DatasetError, match="404"):
        bring(here, source=server.address("/d/"))
    assert time.monotonic() - began < 60
