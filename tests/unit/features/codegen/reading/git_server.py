"""A git server over HTTP for tests, by git's own http-backend, and servers that misbehave."""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_QUIET = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
_WHO = {f"GIT_{role}_{what}": "test@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(directory: Path, *arguments: str) -> str:
    environment = os.environ | _QUIET | _WHO
    done = subprocess.run(
        ["git", *arguments], cwd=directory, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def make_repository(directory: Path) -> Path:
    directory.mkdir(parents=True)
    git(directory, "init", "-q", "-b", "main", ".")
    return directory


def commit(directory: Path, files: dict[str, bytes], message: str = "change") -> str:
    for path, data in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(data)
    git(directory, "add", "-A", "-f")
    git(directory, "commit", "-q", "-m", message)
    return git(directory, "rev-parse", "HEAD")


@contextlib.contextmanager
def serving(root: Path) -> Iterator["GitServer"]:
    server = GitServer(("127.0.0.1", 0), Handler)
    server.root = root
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


class GitServer(ThreadingHTTPServer):
    """seen: what was asked for. Paths below /slow, /redirect, /private and the like misbehave as they are called."""

    daemon_threads = True
    block_on_close = False
    root: Path

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.seen: list[str] = []
        self.asked = threading.Event()
        self.released = threading.Event()
        self.redirect_to = ""

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server_address[1]}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that are killed leave broken pipes behind."""


class Handler(BaseHTTPRequestHandler):
    server: GitServer

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("content-length", 0))))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name)
        pass

    def _answer(self, body: bytes) -> None:
        self.server.seen.append(self.path)
        self.server.asked.set()
        match self.path.split("/")[1]:
            case "slow":
                self.server.released.wait(20)
            case "redirect":
                self._plain(302, {"Location": self.server.redirect_to + self.path.removeprefix("/redirect")})
            case "private":
                self._plain(401, {"WWW-Authenticate": 'Basic realm="x"'})
            case "broken":
                self._plain(503, {})
            case "endless":
                self._endless()
            case "dumb":
                self._file()
            case _:
                self._backend(body)

    def _plain(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _endless(self) -> None:
        """Says that it is git, and then talks without end."""
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        self.end_headers()
        self.wfile.write(b"001e# service=git-upload-pack\n0000")
        with contextlib.suppress(OSError):
            while not self.server.released.is_set():
                self.wfile.write(b"0032" + b"a" * 40 + b" r/x\n")
                time.sleep(0.01)

    def _file(self) -> None:
        file = self.server.root / self.path.split("?")[0].removeprefix("/dumb/")
        found = file.is_file()
        self._plain(200 if found else 404, {}, file.read_bytes() if found else b"")

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environment = os.environ | _QUIET | {
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
        }  # fmt: skip
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self._plain(int(headers.pop("Status", "200 OK").split()[0]), headers, content)
