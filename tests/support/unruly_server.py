"""An HTTP server on this machine that serves files, counts what it sends, and misbehaves as it is told."""

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class UnrulyServer(ThreadingHTTPServer):
    """Serves `files` (path -> bytes).

    `faults` holds, for each path, what is done to the next answers, one a request: ``"503"`` or any other status,
    ``"503:2"`` (Retry-After), ``"cut:<bytes>"``, ``"corrupt:<position>"``, ``"claim:<length>"`` (a false
    Content-Length), ``"ignore-range"``, ``"wrong-range"``, ``"redirect:<address>"``, ``"no-etag"``.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[str]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.sent: Counter[str] = Counter()
        self.rate: float | None = None  # bytes a second
        self.answers: dict[str, Callable[[bytes], tuple[int, bytes]]] = {}  # POST

    def handle_error(self, request: object, client_address: object) -> None:
        """Be silent about clients that go away."""

    def address(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def requests(self, path: str) -> list[dict[str, str]]:
        return [headers for asked, headers in self.asked if asked == path]

    def sums(self, folder: str) -> None:
        """Write the SHA256SUMS.txt of a folder."""
        self.files.pop(f"{folder}SHA256SUMS.txt", None)
        inside = {path: body for path, body in self.files.items() if path.startswith(folder)}
        lines = [f"{hashlib.sha256(body).hexdigest()} {path.removeprefix(folder)}" for path, body in inside.items()]
        self.files[f"{folder}SHA256SUMS.txt"] = ("\n".join(lines) + "\n").encode()


class _Handler(BaseHTTPRequestHandler):
    server: UnrulyServer
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        server, path = self.server, unquote(urlsplit(self.path).path)
        server.asked.append((path, dict(self.headers)))
        queue = server.faults.get(path, [])
        fault, _, detail = (queue.pop(0) if queue else "").partition(":")
        if fault.isdigit():
            self.send_response(int(fault))
            if detail:
                self.send_header("Retry-After", detail)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if fault == "redirect":
            self.send_response(302)
            self.send_header("Location", detail)
            self.end_headers()
            return
        content = server.files.get(path)
        if content is None:
            self.send_error(404)
            return
        etag = f'"{hashlib.sha1(content).hexdigest()}"'
        wanted, first = self.headers.get("Range", ""), 0
        if wanted and fault != "ignore-range" and self.headers.get("If-Range", etag) == etag:
            first = int(wanted.removeprefix("bytes=").rstrip("-"))
            if first >= len(content):
                self.send_error(416)
                return
        body = content[first:]
        if fault == "wrong-range":
            body = content
        if fault == "corrupt":
            body = bytearray(body)
            body[int(detail)] ^= 0xFF
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", detail if fault == "claim" else str(len(body)))
        if first:
            start = 0 if fault == "wrong-range" else first
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if fault != "no-etag":
            self.send_header("ETag", etag)
        self.end_headers()
        if fault == "claim":
            body = body[: int(detail)]
        self._send(path, bytes(body[: int(detail)] if fault == "cut" else body))

    def _send(self, path: str, body: bytes) -> None:
        step = len(body) if self.server.rate is None else 4096
        for start in range(0, len(body), max(1, step)):
            piece = body[start : start + step]
            self.server.sent[path] += len(piece)
            self.wfile.write(piece)
            if self.server.rate is not None:
                time.sleep(len(piece) / self.server.rate)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.path, dict(self.headers)))
        status, answer = self.server.answers[self.path](body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[UnrulyServer]:
    """Run a server for the length of a block."""
    with UnrulyServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
