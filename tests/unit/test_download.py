"""One file over HTTP: whatever the server does, it arrives whole, or not at all with the reason, and never twice."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from braintwin.errors import DatasetError
from braintwin.io.retrieve.download import download
from braintwin.io.retrieve.files import RemoteFile
from braintwin.io.retrieve.http import fetch_text
from braintwin.options.retrieve import RetrieveOptions
from unruly_server import UnrulyServer, serving

CONTENT = bytes(range(256)) * 4000
HALF = len(CONTENT) // 2
PATH = "/a"


@pytest.fixture
def server() -> Iterator[UnrulyServer]:
    with serving() as running:
        running.files[PATH] = CONTENT
        yield running


def fetch(
    server: UnrulyServer,
    target: Path,
    *,
    size: int | None = None,
    checksum: str | None = None,
    retries: int = 3,
    waits: list[float] | None = None,
    content: bytes = CONTENT,
) -> str:
    if checksum is None:
        checksum = "sha256:" + hashlib.sha256(content).hexdigest()
    shown = download(
        RemoteFile("a", server.address(PATH), size, checksum),
        target,
        RetrieveOptions(retries=retries, timeout_s=5, longest_wait_s=60),
        pause=(waits if waits is not None else []).append,
    )
    assert target.read_bytes() == content
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    return shown


def ranges(server: UnrulyServer) -> list[str]:
    return [headers.get("Range", "") for headers in server.requests(PATH)]


@pytest.mark.parametrize("size", [None, len(CONTENT)])
@pytest.mark.parametrize(
    ("faults", "asked", "sent"),
    [
        ([], [""], 1.0),
        (["cut:1000"], ["", "bytes=1000-"], 1.0),
        (["cut:0"], ["", ""], 1.0),
        (["cut:1", "cut:1", "cut:1", "cut:1"], ["", "bytes=1-", "bytes=2-", "bytes=3-", "bytes=4-"], 1.0),
        (["503", "500"], ["", "", ""], 1.0),
        ([f"cut:{HALF}", "503", "429:1"], ["", *[f"bytes={HALF}-"] * 3], 1.0),
        ([f"cut:{HALF}", "ignore-range"], ["", f"bytes={HALF}-"], 1.5),
        ([f"cut:{HALF}", "wrong-range"], ["", f"bytes={HALF}-", ""], 2.5),
        ([f"claim:{HALF}"], ["", f"bytes={HALF}-"], 1.0),
    ],
    ids=lambda value: "+".join(value) or "well" if isinstance(value, list) else str(value),
)
def test_it_arrives_whole_and_nothing_twice(
    tmp_path: Path, server: UnrulyServer, size: int | None, faults: list[str], asked: list[str], sent: float
) -> None:
    server.faults[PATH] = list(faults)
    assert fetch(server, tmp_path / "a", size=size) == "sha256"
    assert ranges(server) == asked
    assert server.sent[PATH] <= sent * len(CONTENT)


def test_a_length_that_is_too_long_ends_where_the_file_does(tmp_path: Path, server: UnrulyServer) -> None:
    server.faults[PATH] = [f"claim:{2 * len(CONTENT)}"]
    fetch(server, tmp_path / "a")
    assert ranges(server) == ["", f"bytes={len(CONTENT)}-"]
    assert server.sent[PATH] == len(CONTENT)


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_corrupt_byte_is_noticed_and_the_file_fetched_again(
    tmp_path: Path, server: UnrulyServer, size: int | None
) -> None:
    server.faults[PATH] = ["corrupt:12345"]
    fetch(server, tmp_path / "a", size=size)
    assert server.sent[PATH] == 2 * len(CONTENT)


def test_a_file_that_stays_corrupt_is_refused(tmp_path: Path, server: UnrulyServer) -> None:
    server.faults[PATH] = ["corrupt:1", "corrupt:1"]
    with pytest.raises(DatasetError, match=r"arrived twice and is not what was promised: sha256 is [0-9a-f]{64}"):
        fetch(server, tmp_path / "a", size=len(CONTENT))
    assert list(tmp_path.iterdir()) == []


def test_a_size_that_is_not_what_was_listed_is_refused(tmp_path: Path, server: UnrulyServer) -> None:
    with pytest.raises(DatasetError, match=f"{len(CONTENT)} bytes, expected {len(CONTENT) + 1}"):
        fetch(server, tmp_path / "a", size=len(CONTENT) + 1, checksum="")


def test_what_arrived_serves_the_next_run(tmp_path: Path, server: UnrulyServer) -> None:
    server.faults[PATH] = [f"cut:{HALF}", "cut:0", "cut:0"]
    with pytest.raises(DatasetError, match=r"the connection was cut after .*run again to resume"):
        fetch(server, tmp_path / "a", retries=2)
    assert (tmp_path / "a.part").stat().st_size == HALF
    server.faults.clear()
    fetch(server, tmp_path / "a")
    assert ranges(server)[-1] == f"bytes={HALF}-"
    assert server.sent[PATH] == len(CONTENT)


@pytest.mark.parametrize("checksum", [None, ""])
def test_a_file_that_changed_meanwhile_is_never_spliced(
    tmp_path: Path, server: UnrulyServer, checksum: str | None
) -> None:
    server.files[PATH] = old = bytes(len(CONTENT))
    server.faults[PATH] = [f"cut:{HALF}", "404"]
    with pytest.raises(DatasetError, match="404"):
        fetch(server, tmp_path / "a", content=old)
    server.files[PATH] = CONTENT
    fetch(server, tmp_path / "a", checksum=checksum)
    assert [headers.get("If-Range", "")[:1] for headers in server.requests(PATH)] == ["", '"', '"']


@pytest.mark.parametrize("left", [b"of another version", CONTENT + b"and more"])
def test_a_part_of_another_file_is_fetched_anew(tmp_path: Path, server: UnrulyServer, left: bytes) -> None:
    (tmp_path / "a.part").write_bytes(left)
    fetch(server, tmp_path / "a")


def test_an_empty_file(tmp_path: Path, server: UnrulyServer) -> None:
    server.files[PATH] = b""
    assert fetch(server, tmp_path / "a", size=0, checksum="", content=b"") == "size"


@pytest.mark.parametrize(("fault", "wait"), [("503:7", 7.0), ("429:0", 0.0), ("503", 1.0)])
def test_the_server_is_left_alone_as_long_as_it_asks(
    tmp_path: Path, server: UnrulyServer, fault: str, wait: float
) -> None:
    server.faults[PATH] = [fault]
    waits: list[float] = []
    fetch(server, tmp_path / "a", waits=waits)
    assert waits == [wait]


def test_a_wait_until_a_date(tmp_path: Path, server: UnrulyServer) -> None:
    server.faults[PATH] = ["503:" + format_datetime(datetime.now(UTC) + timedelta(seconds=30))]
    waits: list[float] = []
    fetch(server, tmp_path / "a", waits=waits)
    assert 25 < waits[0] <= 30


def test_a_wait_that_is_too_long_is_told(tmp_path: Path, server: UnrulyServer) -> None:
    server.faults[PATH] = ["503:3600"]
    with pytest.raises(DatasetError, match=r"asks to wait 3600 s \(retrieve.longest_wait_s\).*run again to resume"):
        fetch(server, tmp_path / "a")


@pytest.mark.parametrize(("status", "told"), [("404", "404"), ("403", "403 .*may need credentials"), ("401", "401")])
def test_a_final_answer_is_told_at_once(tmp_path: Path, server: UnrulyServer, status: str, told: str) -> None:
    server.faults[PATH] = [status]
    with pytest.raises(DatasetError, match=rf"tried once\): the server answered {told}"):
        fetch(server, tmp_path / "a")
    assert len(server.asked) == 1


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with serving() as gone:
        address = gone.address(PATH)
    with pytest.raises(DatasetError, match=r"tried 2 times\): .*refused"):
        download(RemoteFile("a", address), tmp_path / "a", RetrieveOptions(retries=2), pause=lambda seconds: None)


@pytest.mark.parametrize("to", ["ftp://example.org/a", "http://example.org/a", "file:///etc/passwd"])
def test_a_redirect_elsewhere_is_refused(tmp_path: Path, server: UnrulyServer, to: str) -> None:
    server.faults[PATH] = [f"redirect:{to}"]
    with pytest.raises(DatasetError, match=r"no https:// address|is not allowed"):
        fetch(server, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_token_goes_to_its_own_host_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINTWIN_TOKEN_127_0_0_1", "hush")
    with serving() as first, serving() as other:
        other.files[PATH] = CONTENT
        first.faults[PATH] = [f"redirect:http://localhost:{other.server_address[1]}{PATH}"]
        fetch(first, tmp_path / "a")
        assert first.asked[0][1]["Authorization"] == "Bearer hush"
        assert "Authorization" not in other.asked[0][1]


def test_user_and_password(server: UnrulyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINTWIN_USER_127_0_0_1", "me")
    monkeypatch.setenv("BRAINTWIN_PASSWORD_127_0_0_1", "hush")
    fetch_text(server.address(PATH), RetrieveOptions())
    assert server.asked[0][1]["Authorization"] == "Basic bWU6aHVzaA=="


def test_a_disk_that_is_full_is_no_fault_of_the_server(
    tmp_path: Path, server: UnrulyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.part").symlink_to("/dev/full")
    monkeypatch.setattr("braintwin.io.retrieve.download.Part.begin", lambda part, version: None)
    with pytest.raises(DatasetError, match=r"cannot be written \(No space left on device\); free space"):
        fetch(server, tmp_path / "a")
    assert len(server.asked) == 1
