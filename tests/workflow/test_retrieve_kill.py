"""A retrieval that is killed and run again completes, verified, and asks for nothing twice."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from unruly_server import UnrulyServer, serving

RATE = 3e6
IN_FLIGHT = 256 * 1024
"""What a connection may hold when its reader dies, B; it never reached the reader."""


def start(folder: Path, address: str) -> "subprocess.Popen[bytes]":
    options = {"connections": 2, "timeout_s": 10, "retries": 2}
    command = [sys.executable, "-m", "braintwin", "step", "retrieve", "--name", "d"]
    command += ["--dataset", json.dumps({"source": address}), "--synthesize", "{}", "--seed", "1"]
    command += ["--store", "store", "--record", "d.json", "--options", json.dumps(options)]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=log)


def wait_for(server: UnrulyServer, count: int, process: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + 60
    while sum(server.sent.values()) < count:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_killed_at_any_byte_and_run_again(tmp_path: Path) -> None:
    content = {
        "dataset_description.json": json.dumps({"Name": "Nights", "BIDSVersion": "1.9.0"}).encode(),
        **{f"sub-0{i}/eeg/sub-0{i}_task-sleep_eeg.edf": os.urandom(1_500_000 + i) for i in range(1, 5)},
    }
    total = sum(map(len, content.values()))
    with serving() as server:
        server.files.update({f"/d/{name}": body for name, body in content.items()})
        server.sums("/d/")
        server.rate = RATE
        kills = (0.07, 0.41, 0.83)
        for share in kills:
            process = start(tmp_path, server.address("/d/"))
            wait_for(server, int(share * total), process)
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert not (tmp_path / "d.json").exists()
        process = start(tmp_path, server.address("/d/"))
        assert process.wait(timeout=60) == 0, (tmp_path / "log").read_text()
        record = json.loads((tmp_path / "d.json").read_text())
        root = tmp_path / record["root"]
        assert {name: hashlib.sha256((root / name).read_bytes()).digest() for name in content} == {
            name: hashlib.sha256(body).digest() for name, body in content.items()
        }
        assert {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()} == set(content)
        served = sum(server.sent[f"/d/{name}"] for name in content)
        assert total <= served <= total + 2 * len(kills) * IN_FLIGHT
        begun = [name for name in content for headers in server.requests(f"/d/{name}") if "Range" not in headers]
        assert sorted(begun) == sorted(set(begun)), "a file was begun twice"
        assert (record["files"], record["bytes"], record["unproved"]) == (len(content), total, 0)
        assert "5 of 5 files" in (tmp_path / "log").read_text()
