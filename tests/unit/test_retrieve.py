"""retrieve: folders, archives of this machine and of others, and archives that mean harm."""

import hashlib
import io
import json
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from braintwin.config import parse_config
from braintwin.contracts.tables import DatasetRecord
from braintwin.errors import BrainTwinError, ConfigError, DatasetError
from braintwin.io.bids import describe, find_root, fingerprint
from braintwin.io.records import read_json
from braintwin.io.retrieve.archive import unpack
from braintwin.io.retrieve.http import public
from braintwin.options.dataset import DatasetOptions
from braintwin.options.retrieve import RetrieveOptions
from braintwin.options.synthesize import SynthesizeOptions
from braintwin.steps import retrieve
from unruly_server import UnrulyServer, serving

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
    assert [path.name for path in (here / "store").glob("d-*")] == [f"d-{digest[7:19]}"]


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
        (lambda here: (here / "x.tar.gz").write_text("hello"), {}, r"not a \.tar\.gz or \.zip archive"),
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


def test_a_zip_is_unpacked(here: Path) -> None:
    raw = dataset(here / "raw")
    with zipfile.ZipFile(here / "a.zip", "w") as bag:
        for path in sorted(raw.rglob("*")):
            bag.write(path, path.relative_to(here))
    record = bring(here, "a.zip")
    assert (here / record.root / "sub-01" / "eeg" / "sub-01_task-sleep_events.tsv").is_file()


@pytest.mark.parametrize(
    "name", ["../escaped", "ds/../../escaped", "/tmp/escaped-absolute", "C:\\escaped", "C:escaped"]
)
def test_a_zip_that_reaches_out_is_refused_whole(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as bag:
        bag.writestr("ds/dataset_description.json", "{}")
        bag.writestr(zipfile.ZipInfo(name), "x")
    with pytest.raises(DatasetError, match="refused, nothing was kept"):
        unpack(archive, tmp_path / "out" / "d", "dataset 'd'")
    assert list((tmp_path / "out").iterdir()) == []
    assert not (tmp_path / "escaped").exists()


def test_a_zip_with_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("ds/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as bag:
        bag.writestr(link, "/etc/passwd")
    with pytest.raises(DatasetError, match="a link or no file"):
        unpack(tmp_path / "a.zip", tmp_path / "out" / "d", "d")


def test_an_archive_that_says_it_is_larger_than_the_disk_is_refused(tmp_path: Path) -> None:
    huge = tarfile.TarInfo("ds/huge")
    huge.size = 1 << 60
    (tmp_path / "a.tar").write_bytes(huge.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(DatasetError, match="more than this disk"):
        unpack(tmp_path / "a.tar", tmp_path / "out" / "d", "d")


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


@pytest.fixture
def server() -> Iterator[UnrulyServer]:
    with serving() as running:
        yield running


def test_a_remote_archive_is_brought_once(here: Path, server: UnrulyServer) -> None:
    archive = packed(here / "a.tar.gz", dataset(here / "raw"))
    server.files["/a.tar.gz"] = archive.read_bytes()
    record = bring(here, server.address("/a.tar.gz?download=1"), checksum=sha256(archive))
    assert (record.kind, record.title) == ("https", "Nights")
    assert "download" not in record.source
    assert (here / record.root / "sub-01").is_dir()
    left = [path.name for path in (here / "store").iterdir() if not path.name.endswith(".lock")]
    assert left == [f"d-{sha256(archive)[7:19]}"]
    assert bring(here, server.address("/a.tar.gz"), checksum=sha256(archive)).root == record.root
    assert len(server.asked) == 1


def test_a_remote_archive_needs_a_checksum(here: Path, server: UnrulyServer) -> None:
    with pytest.raises(ConfigError, match=r"write datasets\.d\.checksum: sha256:<hex>"):
        bring(here, server.address("/a.tar.gz"))
    assert server.asked == []


def test_a_wrong_checksum_keeps_nothing(here: Path, server: UnrulyServer) -> None:
    server.files["/a.tar.gz"] = b"not what was promised"
    got = hashlib.sha256(b"not what was promised").hexdigest()
    with pytest.raises(DatasetError, match=f"sha256 is {got}, expected {'0' * 64}"):
        bring(here, server.address("/a.tar.gz"), checksum="sha256:" + "0" * 64)
    assert [path for path in (here / "store").rglob("*") if path.is_file() and path.suffix != ".lock"] == []


def test_neither_archive_nor_folder(here: Path, server: UnrulyServer) -> None:
    with pytest.raises(ConfigError, match=r"ends with / and holds SHA256SUMS\.txt"):
        bring(here, server.address("/data"))


@pytest.mark.parametrize(
    "name", ["http://example.org/a.tar.gz", "ftp://example.org/a.zip", "file:///etc/passwd.zip", "https:///a.zip"]
)
def test_other_addresses_are_refused(here: Path, name: str) -> None:
    with pytest.raises(BrainTwinError, match=r"no https:// address|no known scheme"):
        bring(here, name, checksum="md5:" + "0" * 32)


def test_public_drops_what_may_be_a_key() -> None:
    assert public("https://user:word@example.org:8443/a.tar.gz?X-Key=1#x") == "https://example.org:8443/a.tar.gz"


def test_synthetic_is_written_once_and_anew_for_another_seed_or_population(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[int, int]] = []

    def write_cohort(folder: Path, options: SynthesizeOptions, seed: int) -> None:
        written.append((options.people, seed))
        dataset(folder)

    monkeypatch.setattr("braintwin.synthetic.cohort.write_cohort", write_cohort)
    first = bring(here, "synthetic:5")
    assert (first.kind, first.source) == ("synthetic", "synthetic:5")
    assert bring(here, "synthetic:5") == first
    assert bring(here, "synthetic:5", seed=2).root != first.root
    (here / "population.nc").write_bytes(b"another")
    monkeypatch.setattr("braintwin.steps.retrieve.packaged_population", lambda: here / "population.nc")
    assert bring(here, "synthetic:5").root != first.root
    assert written == [(5, 1), (5, 2), (5, 1)]


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


@pytest.mark.parametrize(
    "entry",
    [
        {"source": "raw", "token": "hush"},
        {"source": "raw", "aws_secret_access_key": "hush"},
        {"source": "https://me:hush@example.org/a.zip"},
        {"source": "https://example.org/a.zip?X-Amz-Signature=hush"},
        {"source": "datalad:https://hush@example.org/a"},
    ],
)
def test_a_config_with_a_secret_is_refused_and_not_repeated(entry: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="environment or the keyring, never from the config") as refusal:
        parse_config({"datasets": {"d": entry}})
    assert "hush" not in str(refusal.value)


def test_terms_go_into_the_record(here: Path) -> None:
    dataset(here / "raw")
    assert bring(here, "raw", terms="Teaching only; consent 2019-04").terms == "Teaching only; consent 2019-04"
