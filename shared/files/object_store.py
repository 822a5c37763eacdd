"""Parts in an object store with the interface of S3. The only module that knows its client."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import S3Store

from shared.errors import TallygateError
from shared.files.settings import FileSettings

if TYPE_CHECKING:
    from obstore.store import S3Config

logger = structlog.get_logger(__name__)

_RETRIES = 3
_RETRY_AFTER_S = 5.0
_TIPS = ("Operators: TALLYGATE_FILES and its neighbours in docs/settings.md say where the object store is.",)


class ObjectStore:
    """Objects of a file are named `<file id>/<start>-<random>`. Raises TallygateError (`unavailable`) while the store
    cannot be reached or refuses us."""

    def __init__(self, settings: FileSettings) -> None:
        """settings: whose `files` names a bucket."""
        bucket, _, prefix = settings.files.removeprefix("s3://").partition("/")
        longest = timedelta(seconds=settings.files_timeout_s)
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            config=_config(settings),
            client_options={"allow_http": settings.files_endpoint.startswith("http:"), "timeout": longest},
            retry_config={"max_retries": _RETRIES, "retry_timeout": longest},
        )

    async def put(self, file_id: UUID, start: int, data: bytes) -> str:
        """The name of the object, which is a new one each time: what somebody puts who has lost the file meanwhile
        does not overwrite what another has appended."""
        name = f"{file_id.hex}/{start:013d}-{secrets.token_hex(4)}"
        with _foreseen():
            await obstore.put_async(self._store, name, data, use_multipart=False)
        return name

    async def get(self, name: str) -> bytes | None:
        """None when it is not there."""
        with _foreseen():
            try:
                return bytes(await (await obstore.get_async(self._store, name)).bytes_async())
            except FileNotFoundError:
                return None

    async def delete_all(self, file_id: UUID) -> None:
        """All objects of a file, also those that were put and never appended."""
        with _foreseen():
            async for found in obstore.list(self._store, f"{file_id.hex}/", chunk_size=1000):
                await obstore.delete_async(self._store, [one["path"] for one in found])


def _config(settings: FileSettings) -> "S3Config":
    """What is not given, the client takes from `AWS_*` or asks the machine."""
    config: S3Config = {"region": settings.files_region}
    if settings.files_endpoint:
        config["endpoint"] = settings.files_endpoint
    key_id, key = settings.files_access_key_id.get_secret_value(), settings.files_secret_access_key.get_secret_value()
    if key_id and key:
        config |= {"access_key_id": key_id, "secret_access_key": key}
    return config


@contextmanager
def _foreseen() -> Iterator[None]:
    """What the client's errors mean. Its words are not told: they may quote what the store answered."""
    try:
        yield
    except (BaseError, OSError) as error:
        logger.warning("object_store.unavailable", reason=type(error).__name__)
        detail = f"the object store of files cannot do it now: {type(error).__name__}"
        raise TallygateError("unavailable", detail, retry_after_s=_RETRY_AFTER_S, tips=_TIPS) from None
