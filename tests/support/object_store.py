"""A server with the interface of S3, on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from shared.files import FileSettings

BUCKET = "tallygate-files"


@contextmanager
def running_object_store() -> Iterator[str]:
    """Its address; with a bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        urlopen(Request(f"{address}/{BUCKET}", method="PUT")).close()  # noqa: S310 - our own server
        yield address
    finally:
        server.stop()


def settings_of(address: str, timeout_s: float = 10.0) -> FileSettings:
    return FileSettings(
        files=f"s3://{BUCKET}/some/where",
        files_endpoint=address,
        files_access_key_id=SecretStr("testing"),
        files_secret_access_key=SecretStr("testing"),
        files_timeout_s=timeout_s,
    )
