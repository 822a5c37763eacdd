"""/v1/files: OpenAI's Files (docs/files.md)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from pydantic import Field
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

from services.gateway.answers.openai import FileDeleted, FileList, OpenAIFile
from services.gateway.bodies import InvalidBodyError, Query, validated
from services.gateway.edge import json_response
from services.gateway.files.form import FileForm
from services.gateway.files.naming import shown_file
from services.gateway.files.store import Order
from services.gateway.gateway import Gateway, gateway_of
from services.gateway.headers import headers_of
from services.gateway.instruments import file_bytes
from services.gateway.routes.documented import BYTES, documented
from shared.access import Caller
from shared.batches import batch_name
from shared.errors import TallygateError
from shared.files import File, Purpose, file_id_in

router = APIRouter(prefix="/v1/files", tags=["files"])

_HELD_BYTES = 1024 * 1024  # about, while a file comes or goes
_SILENT = ("Send it at once; an operator can raise TALLYGATE_BODY_TIMEOUT_S.",)
_LONGEST_LIST = 10_000  # as OpenAI has it


class FilesQuery(Query):
    """after: the id of the last file of the page before."""

    purpose: Purpose | None = None
    order: Order = "desc"
    after: Annotated[str, Field(max_length=100)] | None = None
    limit: Annotated[int, Field(ge=1, le=_LONGEST_LIST)] = _LONGEST_LIST


@router.post("")
@documented(takes_form=FileForm, gives=OpenAIFile, fails=(409,))
async def create_file(request: Request) -> Response:
    """The file is stored as it comes, and is there once all of it has come."""
    gateway = gateway_of(request)
    caller = await _admitted(gateway, request)
    headers = headers_of(request.scope)
    length, kind = headers.get("content-length"), headers.get("content-type", "")
    body = _body(request, gateway.bodies.timeout_s)
    file = await gateway.uploads.upload(caller.tenant_id, kind, None if length is None else int(length), body)
    return json_response(shown_file(file))


@router.get("")
@documented(query=FilesQuery, gives=FileList)
async def list_files(request: Request) -> Response:
    """The newest first, unless `order` is `asc`."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "files")
    query = validated(FilesQuery, _known_query(request))
    after = None if query.after is None else file_id_in(query.after)
    if query.after is not None and after is None:
        raise InvalidBodyError("is no id of a file", "after")
    found = await gateway.file_table.listed(caller.tenant_id, query.purpose, query.order, after, query.limit + 1)
    shown = [shown_file(file) for file in found[: query.limit]]
    first, last = (shown[0]["id"], shown[-1]["id"]) if shown else (None, None)
    has_more = len(found) > query.limit
    return json_response({"object": "list", "data": shown, "first_id": first, "last_id": last, "has_more": has_more})


@router.get("/{file_id}")
@documented(gives=OpenAIFile, fails=(404,))
async def show_file(request: Request, file_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "files")
    return json_response(shown_file(await _finished(gateway, caller, file_id)))


@router.get("/{file_id}/content")
@documented(gives=str, streams=(BYTES,), fails=(404,), limited=True)
async def download_file(request: Request, file_id: str) -> Response:
    """The bytes that were uploaded, or that a batch has written."""
    gateway = gateway_of(request)
    caller = await _admitted(gateway, request)
    file = await _finished(gateway, caller, file_id)
    content = gateway.files.content(file)
    first = await anext(content, b"")  # so that what cannot be read is told as an error, and not as a file cut short
    headers = {"content-length": str(file.size), "content-disposition": _attached(file.name)}
    return StreamingResponse(_counted(first, content), headers=headers, media_type=BYTES)


@router.delete("/{file_id}")
@documented(gives=FileDeleted, fails=(404, 409))
async def delete_file(request: Request, file_id: str) -> Response:
    """Nobody sees it any more; its bytes are deleted soon. Not while a batch reads it."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "files")
    file = await _finished(gateway, caller, file_id)
    if (batch_id := await gateway.batches.reading(caller.tenant_id, file.file_id)) is not None:
        raise _is_read(file_id, batch_name(batch_id))
    if not await gateway.files.delete(file):
        raise _unknown(file_id)
    gateway.purging.wake()
    return json_response({"id": file_id, "object": "file", "deleted": True})


async def _admitted(gateway: Gateway, request: Request) -> Caller:
    """Of what moves bytes: within the limits of the tenant, and of what all may hold."""
    caller = await gateway.caller(request, "files")
    gateway.admit(request, caller)
    gateway.bodies.hold(request, caller.tenant_id, _HELD_BYTES)
    return caller


async def _body(request: Request, silence_s: float) -> AsyncIterator[bytes]:
    """silence_s: after which nothing more is waited for. Raises TallygateError."""
    more = True
    while more:
        try:
            async with asyncio.timeout(silence_s):
                message = await request.receive()
        except TimeoutError:
            detail = f"nothing of the file came for {silence_s:g} s"
            raise TallygateError("invalid_request", detail, http_status=408, tips=_SILENT) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def _counted(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    file_bytes.labels("read").inc(len(first))
    yield first
    async for data in rest:
        file_bytes.labels("read").inc(len(data))
        yield data


async def _finished(gateway: Gateway, caller: Caller, text: str) -> File:
    """Raises TallygateError."""
    file_id = file_id_in(text)
    file = None if file_id is None else await gateway.files.file(caller.tenant_id, file_id)
    if file is None or file.finished_at is None:
        raise _unknown(text)
    return file


def _is_read(file_id: str, batch: str) -> TallygateError:
    tips = ("Delete it when the batch has ended; or end that first: tallygate batch cancel " + batch,)
    return TallygateError("invalid_request", f"{file_id} is the input of {batch}", http_status=409, tips=tips)


def _unknown(text: str) -> TallygateError:
    tips = ("See what there is: GET /v1/files",)
    return TallygateError("invalid_request", f"there is no file {text!r}", http_status=404, tips=tips)


def _known_query(request: Request) -> dict[str, str]:
    """SDKs send more, which asks for nothing that would not be told anyway."""
    return {name: value for name, value in request.query_params.items() if name in FilesQuery.model_fields}


def _attached(name: str) -> str:
    return f"attachment; filename*=utf-8''{quote(name, safe='')}"
