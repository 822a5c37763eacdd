"""A gateway that answers as it is told and keeps what it was asked."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

Told = tuple[int, Any]


class Asked(NamedTuple):
    method: str
    path: str
    body: Any
    headers: dict[str, str]


class StubGateway:
    """`answers`: by "METHOD /path"; a callable is called when it is asked. What is not there is 404.

    A body that is an iterator of bytes is a stream of events: each piece is sent before the next one is asked for.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, Told | Callable[[], Told]] = {}
        self.headers: dict[str, str] = {}
        self.asked: list[Asked] = []

    @property
    def calls(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.asked]

    def answer(self, asked: Asked) -> Told:
        self.asked.append(asked)
        known = self.answers.get(f"{asked.method} {asked.path}")
        if known is None:
            return 404, problem("endpoint_not_found", "no such path")
        return known if isinstance(known, tuple) else known()


def problem(error_type: str, detail: str, *tips: str, **more: Any) -> dict[str, Any]:
    """As the gateway renders it, in the members that are read."""
    return {"title": "It failed", "detail": detail, "code": error_type, "error_type": error_type, "tips": tips} | more


@contextmanager
def running_stub() -> Iterator[StubGateway]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    stub = StubGateway(f"http://127.0.0.1:{server.server_port}")
    server.stub = stub  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        stub: StubGateway = self.server.stub  # type: ignore[attr-defined]
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, body = stub.answer(Asked(self.command, self.path, _body(raw, headers), headers))
        if isinstance(body, Iterator):
            self._stream(body, stub.headers)
            return
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        for name, value in stub.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, pieces: Iterator[bytes], headers: Mapping[str, str]) -> None:
        self.send_response(200)
        for name, value in {"content-type": "text/event-stream", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):  # the caller may leave
            for piece in pieces:
                self.wfile.write(piece)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server looks for these names

    def log_message(self, *_: Any) -> None:
        """Silent."""


def _body(raw: bytes, headers: Mapping[str, str]) -> Any:
    if headers.get("content-type", "").startswith("multipart/"):
        return raw
    return json.loads(raw) if raw else None
