"""retrieve: folders, archives, a local server that behaves and misbehaves, and archives that mean harm."""

import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from braintwin.contracts.tables import DatasetRecord
from braintwin.errors import BrainTwinError, ConfigError, DatasetError
from braintwin.io.bids import describe, find_root, fingerprint
from braintwin.io.records import read_json
from braintwin.io.retrieve import download, public, unpack
from braintwin.options.dataset import DatasetOptions
from braintwin.options.retrieve import RetrieveOptions
from braintwin.options.synthesize import SynthesizeOptions
from braintwin.steps import retrieve

DESCRIPTION = {
    "Name": "Nights",
    "License": "CC0",
    "DatasetDOI": "doi:10.18112/openneuro.ds000001.v1.2.0",
    "HowToAcknowledge": "n/a",
}


def dataset(folder: Path) -> Path:
    (folder / "sub-01" / "eeg").mkdir(parents=True)
    (folder / "dataset_description.json").write_text(json.dumps(DESCRIPTION))
    (folder / "sub-01" / "eeg" / "sub-01_task-sleep_events.tsv").write_text("onset\tduration\tstage\n0\t30\tW\n")
    return folder


def packed(path: Path, folder: Path, name: str = "ds000001") -> Path:
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, name)
    return path


def sha256(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def bring(tmp_path: Path, source: str, seed: int = 1, **options: object) -> DatasetRecord:
    retrieve.run(
        name="d",
        dataset=DatasetOptions.model_validate({"source": source, **options}),
        synthesize=SynthesizeOptions(),
        store=tmp_path / "store",
        record=tmp_path / "d.json",
        seed=seed,
        options=RetrieveOptions(retries=2, timeout_s=5),
    )
    return read_json(tmp_path / "d.json", DatasetRecord)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_stays_where_it_is(here: Path) -> None:
    dataset(here / "raw")
    record = bring(here, "raw")
    assert (record.kind, record.root, record.source) == ("local", "raw", "raw")
    assert (record.title, record.licence, record.version) == ("Nights", "CC0", "1.2.0")
    assert record.citation == DESCRIPTION["DatasetDOI"]
    assert not (here / "store").exists()


def test_a_record_holds_no_absolute_path(here: Path) -> None:
    record = bring(here, str(dataset(here / "raw")))
    assert str(here) not in record.model_dump_json()


def test_an_archive_is_unpacked_once(here: Path) -> None:
    archive = packed(here / "a.tar.gz", dataset(here / "raw"))
    record = bring(here, "a.tar.gz")
    digest = sha256(archive)
    assert (record.kind, record.checksum) == ("archive", digest)
    assert record.root == f"store/d-{digest[7:19]}/ds000001"
    before = (here / record.root / "dataset_description.json").stat().st_mtime_ns
    assert bring(here, "a.tar.gz") == record
    assert (here / record.root / "dataset_description.json").stat().st_mtime_ns == before
    assert [path.name for path in (here / "store").iterdir()] == [f"d-{digest[7:19]}"]


def test_an_interrupted_unpacking_is_started_over(here: Path) -> None:
    archive = packed(here / "a.tar.gz", dataset(here / "raw"))
    left = here / "store" / f".d-{sha256(archive)[7:19]}.part"
    left.mkdir(parents=True)
    (left / "half").touch()
    record = bring(here, "a.tar.gz")
    assert not left.exists()
    assert not (here / record.root).parent.joinpath("half").exists()


@pytest.mark.parametrize(
    ("prepare", "options", "reason"),
    [
        (lambda here: None, {}, r"no folder or archive 'x\.tar\.gz'; correct datasets\.d\.source"),
        (lambda here: (here / "x.tar.gz").write_text("hello"), {}, r"not a \.tar\.gz archive"),
        (
            lambda here: (here / "x.tar.gz").write_bytes(packed(here / "y", dataset(here / "raw")).read_bytes()[:-60]),
            {},
            "cut short",
        ),
        (
            lambda here: packed(here / "x.tar.gz", dataset(here / "raw")),
            {"checksum": "md5:" + "0" * 32},
            r"md5 is [0-9a-f]{32}, expected 0{32}",
        ),
        (lambda here: packed(here / "x.tar.gz", dataset(here / "raw") / "sub-01"), {}, "no dataset_description.json"),
        (lambda here: packed(here / "x.tar.gz", dataset(here / "raw")), {"subfolder": "other"}, "in 'other'"),
        (lambda here: packed(here / "x.tar.gz", dataset(here / "raw")), {"subfolder": "../.."}, "leaves the dataset"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(
    here: Path, prepare: Callable[[Path], object], options: dict[str, str], reason: str
) -> None:
    prepare(here)
    with pytest.raises(DatasetError, match=reason) as refusal:
        bring(here, "x.tar.gz", **options)
    assert "\n" not in str(refusal.value)
    assert not (here / "d.json").exists()


def test_an_empty_folder_is_no_dataset(here: Path) -> None:
    (here / "raw").mkdir()
    with pytest.raises(DatasetError, match="empty one"):
        bring(here, "raw")


def test_several_datasets_in_one_archive_need_a_name(here: Path) -> None:
    dataset(here / "both" / "one")
    dataset(here / "both" / "two")
    with pytest.raises(DatasetError, match=r"2 datasets inside \(one, two\)"):
        bring(here, "both")
    assert bring(here, "both", subfolder="two").root == "both/two"


def member(
    name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    return info, content


@pytest.mark.parametrize(
    "evil",
    [
        member("../escaped", b"x"),
        member("ds/../../escaped", b"x"),
        member("/tmp/escaped-absolute", b"x"),
        member("ds/link", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        member("ds/link", kind=tarfile.SYMTYPE, link="../../outside"),
        member("ds/hard", kind=tarfile.LNKTYPE, link="../../../etc/passwd"),
        member("ds/pipe", kind=tarfile.FIFOTYPE),
        member("ds/device", kind=tarfile.CHRTYPE),
    ],
    ids=lambda evil: f"{evil[0].name}->{evil[0].linkname}",
)
def test_an_archive_that_reaches_out_is_refused_whole(tmp_path: Path, evil: tuple[tarfile.TarInfo, bytes]) -> None:
    archive = tmp_path / "in" / "a.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        for info, content in (member("ds/dataset_description.json", b"{}"), evil):
            tar.addfile(info, io.BytesIO(content))
    with pytest.raises(DatasetError, match="refused, nothing was kept") as refusal:
        unpack(archive, tmp_path / "out" / "d", "dataset 'd'")
    assert "\n" not in str(refusal.value)
    assert list((tmp_path / "out").iterdir()) == []
    assert not (tmp_path / "escaped").exists()


def test_a_broken_link_inside_the_tree_survives(tmp_path: Path) -> None:
    raw = dataset(tmp_path / "raw")
    (raw / "sub-01" / "eeg" / "sub-01_task-sleep_eeg.edf").symlink_to("../../.git/annex/objects/absent.edf")
    unpack(packed(tmp_path / "a.tar.gz", raw), tmp_path / "out", "d")
    assert (tmp_path / "out" / "ds000001" / "sub-01" / "eeg" / "sub-01_task-sleep_eeg.edf").is_symlink()


def test_the_fingerprint_notices_what_arrives_and_what_changes(tmp_path: Path) -> None:
    raw = dataset(tmp_path / "raw")
    link = raw / "sub-01" / "eeg" / "sub-01_task-sleep_eeg.edf"
    link.symlink_to("../../content")
    first = fingerprint(raw, times=False)
    assert fingerprint(raw, times=False) == first
    (raw / "content").write_bytes(b"edf")
    second = fingerprint(raw, times=False)
    (raw / "content").write_bytes(b"edf and more")
    assert len({first, second, fingerprint(raw, times=False)}) == 3


def test_broken_description(tmp_path: Path) -> None:
    (tmp_path / "dataset_description.json").write_text("{")
    assert find_root(tmp_path, "", "d") == tmp_path
    with pytest.raises(DatasetError, match="not valid JSON"):
        describe(tmp_path)


class Server(ThreadingHTTPServer):
    """Serves one file under any name; misbehaves as the name says."""

    content: bytes = b""
    asked: list[tuple[str, str]]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        start = self.headers.get("Range", "")
        self.server.asked.append((self.path, start))
        content, first = self.server.content, 0
        if self.path.startswith("/absent"):
            self.send_error(404)
            return
        if self.path.startswith("/busy") and len(self.server.asked) == 1:
            self.send_error(503)
            return
        if self.path.startswith("/away"):
            self.send_response(302)
            self.send_header("Location", "ftp://example.org/a.tar.gz")
            self.end_headers()
            return
        if start and "forgetful" not in self.path:
            first = int(start.removeprefix("bytes=").rstrip("-"))
        if first >= len(content) > 0 and first:
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        body = content[first:]
        cut = self.path.startswith("/cut") and (len(self.server.asked) == 1 or "always" in self.path)
        self.wfile.write(body[: len(body) // 2] if cut else body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def address(server: Server, name: str) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/{name}"


def fetch(server: Server, name: str, target: Path, expected: str = "", retries: int = 3) -> None:
    expected = expected or "sha256:" + hashlib.sha256(server.content).hexdigest()
    download(address(server, name), target, expected, retries=retries, timeout_s=5, pause=lambda seconds: None)


def test_a_remote_archive_is_brought_once(here: Path, server: Server) -> None:
    archive = packed(here / "a.tar.gz", dataset(here / "raw"))
    server.content = archive.read_bytes()
    record = bring(here, address(server, "a.tar.gz?key=secret"), checksum=sha256(archive))
    assert (record.kind, record.title) == ("https", "Nights")
    assert "secret" not in record.source
    assert (here / record.root / "sub-01").is_dir()
    assert [path.name for path in (here / "store").iterdir()] == [f"d-{sha256(archive)[7:19]}"]
    assert bring(here, address(server, "a.tar.gz"), checksum=sha256(archive)).root == record.root
    assert len(server.asked) == 1


def test_a_remote_archive_needs_a_checksum(here: Path, server: Server) -> None:
    with pytest.raises(ConfigError, match=r"write datasets\.d\.checksum: sha256:<hex>"):
        bring(here, address(server, "a.tar.gz"))
    assert server.asked == []


def test_a_wrong_checksum_keeps_nothing(here: Path, server: Server) -> None:
    server.content = b"not what was promised"
    got = hashlib.sha256(server.content).hexdigest()
    with pytest.raises(DatasetError, match=f"sha256 is {got}, expected {'0' * 64}"):
        bring(here, address(server, "a.tar.gz"), checksum="sha256:" + "0" * 64)
    assert list((here / "store").glob("*")) == []


def test_an_absent_file_is_told_at_once(tmp_path: Path, server: Server) -> None:
    with pytest.raises(DatasetError, match=r"tried once\): the server answered 404"):
        fetch(server, "absent.tar.gz", tmp_path / "a")
    assert len(server.asked) == 1


def test_a_busy_server_is_asked_again(tmp_path: Path, server: Server) -> None:
    server.content = b"content"
    fetch(server, "busy", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"content"


def test_a_cut_connection_is_resumed(tmp_path: Path, server: Server) -> None:
    server.content = bytes(range(256)) * 4000
    fetch(server, "cut", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == server.content
    assert [start for _, start in server.asked] == ["", f"bytes={len(server.content) // 2}-"]


def test_what_arrived_serves_the_next_run(tmp_path: Path, server: Server) -> None:
    server.content = bytes(range(256)) * 4000
    with pytest.raises(DatasetError, match=r"the connection was cut after .*run again to resume"):
        fetch(server, "cut-always", tmp_path / "a", retries=2)
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "a.part").stat().st_size == len(server.content) * 3 // 4
    fetch(server, "whole", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == server.content
    assert server.asked[-1][1] == f"bytes={len(server.content) * 3 // 4}-"
    assert not (tmp_path / "a.part").exists()


def test_a_server_that_cannot_resume_starts_over(tmp_path: Path, server: Server) -> None:
    server.content = b"0123456789"
    (tmp_path / "a.part").write_bytes(b"01234")
    fetch(server, "forgetful", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == server.content


@pytest.mark.parametrize("left", [b"of another version", b"xx"])
def test_a_part_of_another_file_is_fetched_anew(tmp_path: Path, server: Server, left: bytes) -> None:
    server.content = b"0123456789"
    (tmp_path / "a.part").write_bytes(left)
    fetch(server, "a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == server.content


def test_a_server_that_is_not_there(tmp_path: Path, server: Server) -> None:
    gone = Server(("127.0.0.1", 0), Handler)
    port = gone.server_address[1]
    gone.server_close()
    with pytest.raises(DatasetError, match=r"tried 2 times\): .*refused"):
        download(f"http://localhost:{port}/a", tmp_path / "a", "md5:" + "0" * 32, retries=2, pause=lambda seconds: None)


@pytest.mark.parametrize(
    "name", ["http://example.org/a.tar.gz", "ftp://example.org/a", "file:///etc/passwd", "https://"]
)
def test_other_addresses_are_refused(here: Path, name: str) -> None:
    with pytest.raises(BrainTwinError, match="no https:// address"):
        bring(here, name, checksum="md5:" + "0" * 32)


def test_a_redirect_elsewhere_is_refused(tmp_path: Path, server: Server) -> None:
    with pytest.raises(DatasetError, match="no https:// address"):
        fetch(server, "away", tmp_path / "a")


def test_public_drops_what_may_be_a_key() -> None:
    assert public("https://user:word@example.org:8443/a.tar.gz?X-Key=1#x") == "https://example.org:8443/a.tar.gz"


def test_synthetic_is_written_once_and_anew_for_another_seed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[int, int]] = []

    def write_cohort(folder: Path, options: SynthesizeOptions, seed: int) -> None:
        written.append((options.people, seed))
        dataset(folder)

    monkeypatch.setattr("braintwin.synthetic.cohort.write_cohort", write_cohort)
    first = bring(here, "synthetic:5")
    assert (first.kind, first.source) == ("synthetic", "synthetic:5")
    assert bring(here, "synthetic:5") == first
    assert bring(here, "synthetic:5", seed=2).root != first.root
    assert written == [(5, 1), (5, 2)]


@pytest.mark.parametrize("source", ["synthetic:", "synthetic:two", "synthetic:1"])
def test_synthetic_needs_a_number(here: Path, source: str) -> None:
    with pytest.raises(ConfigError, match="number of people from 3 to 500"):
        bring(here, source)


def test_a_failing_synthesis_leaves_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_cohort(folder: Path, options: SynthesizeOptions, seed: int) -> None:
        raise RuntimeError

    monkeypatch.setattr("braintwin.synthetic.cohort.write_cohort", write_cohort)
    with pytest.raises(RuntimeError):
        bring(here, "synthetic:3")
    assert list((here / "store").glob("*")) == []
