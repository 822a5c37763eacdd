"""/v1/files as callers see it."""

from datetime import timedelta
from typing import Any

import pytest
from openai.types import FileDeleted, FileObject

from services.gateway.files.naming import kept_until
from shared.access import Caller
from shared.batches import batch_name
from shared.events import new_id
from shared.files import NewFile, file_name_of
from tests.support.forms import KIND, Part, file, form, headers, purpose
from tests.support.gateway_app import NOW, Here, Told, gateway_here, told

FILES = "/v1/files"
AFTER = Part("expires_after[anchor]", b"created_at")


async def sent(here: Here, *parts: Part, kind: str = KIND) -> Told:
    return await told(here, "POST", FILES, form(*parts), headers(kind))


async def made(here: Here, value: bytes = b"{}\n", *more: Part) -> dict[str, Any]:
    answer = await sent(here, purpose(), *more, file(value))
    assert answer.status == 200, answer
    return dict(answer.body)


async def test_a_file_is_told_as_openai_tells_it() -> None:
    here = gateway_here()
    shown = await made(here)
    parsed = FileObject.model_validate(shown)
    assert shown.keys() == FileObject.model_fields.keys()
    assert (parsed.bytes, parsed.filename, parsed.purpose, parsed.status) == (3, "requests.jsonl", "batch", "processed")
    assert (await told(here, "GET", f"{FILES}/{parsed.id}")).body == shown

    whole = await told(here, "GET", f"{FILES}/{parsed.id}/content")
    assert (whole.status, whole.body, whole.headers["content-length"]) == (200, b"{}\n", "3")

    deleted = await told(here, "DELETE", f"{FILES}/{parsed.id}")
    assert FileDeleted.model_validate(deleted.body) == FileDeleted(id=parsed.id, object="file", deleted=True)
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        answer = await told(here, method, f"{FILES}/{parsed.id}{path}")
        assert (answer.status, answer.body["error"]["type"]) == (404, "invalid_request_error")


async def test_what_a_batch_reads_is_not_deleted() -> None:
    here, batch_id = gateway_here(), new_id()
    shown = await made(here)
    here.pool.answers = {"input_file_id = $2": batch_id} | here.pool.answers

    refused = await told(here, "DELETE", f"{FILES}/{shown['id']}")

    assert (refused.status, batch_name(batch_id) in refused.body["error"]["message"]) == (409, True)
    assert (await told(here, "GET", f"{FILES}/{shown['id']}")).status == 200


async def test_files_are_listed_page_by_page_also_after_one_that_was_deleted() -> None:
    here = gateway_here()
    ids = [(await made(here))["id"] for _ in range(5)]

    async def page(query: str) -> tuple[list[str], bool]:
        body = (await told(here, "GET", f"{FILES}?{query}")).body
        listed = [shown["id"] for shown in body["data"]]
        assert (body["first_id"], body["last_id"]) == ((listed[0], listed[-1]) if listed else (None, None))
        return listed, body["has_more"]

    assert await page("limit=2") == ([ids[4], ids[3]], True)
    await told(here, "DELETE", f"{FILES}/{ids[3]}")
    assert await page(f"limit=2&after={ids[3]}") == ([ids[2], ids[1]], True)
    assert await page(f"after={ids[1]}") == ([ids[0]], False)
    assert await page(f"order=asc&after={ids[1]}") == ([ids[2], ids[4]], False)
    assert await page("purpose=batch_output") == ([], False)


async def test_a_file_that_still_grows_is_not_seen() -> None:
    here = gateway_here()
    new = NewFile(file_id=new_id(), tenant_id="acme", purpose="batch_output", name="out.jsonl", kept_until=NOW)
    assert await here.gateway.files.begin(new) is not None
    name = file_name_of(new.file_id)
    assert (await told(here, "GET", f"{FILES}/{name}")).status == 404
    assert (await told(here, "DELETE", f"{FILES}/{name}")).status == 404
    assert (await told(here, "GET", FILES)).body["data"] == []


@pytest.mark.parametrize(("asked_s", "kept_s"), [(None, 5000), (3600, 3600), (7200, 5000)])
def test_it_is_kept_as_long_as_all_are_unless_it_was_asked_for_less(asked_s: int | None, kept_s: int) -> None:
    asked = (None, None) if asked_s is None else ("created_at", str(asked_s))
    assert kept_until(NOW, 5000.0, *asked) == NOW + timedelta(seconds=kept_s)


async def test_what_the_upload_asks_for_is_kept() -> None:
    here = gateway_here()
    every = await made(here)
    soon = await made(here, b"x", AFTER, Part("expires_after[seconds]", b"7200"))
    assert every["expires_at"] - soon["expires_at"] > 2_500_000


NAMES = {
    "a path": ("../../etc/passwd", "passwd"),
    "a path of windows": ("C:\\\\secret\\\\in.jsonl", "in.jsonl"),
    "nothing but folders": ("a/b/..", "upload"),
    "empty": ("", "upload"),
    "not ascii": ("\u00fcber.jsonl", "\u00fcber.jsonl"),
}


@pytest.mark.parametrize("case", NAMES)
async def test_a_name_is_a_name_and_no_path(case: str) -> None:
    filename, shown = NAMES[case]
    assert (await sent(gateway_here(), purpose(), file(filename=filename))).body["filename"] == shown


MANY = tuple(Part(f"x{number}", b"") for number in range(30))
BAD: dict[str, tuple[tuple[Part, ...], str | None, str]] = {
    "no purpose": ((file(),), "purpose", "is missing"),
    "another purpose": ((purpose(b"fine-tune"), file()), "purpose", "must be batch"),
    "the purpose of what we write": ((purpose(b"batch_output"), file()), "purpose", "files that we write"),
    "no file": ((purpose(),), "file", "is missing"),
    "a file that is none": ((purpose(), Part("file", b"{}")), "file", "is missing"),
    "an empty file": ((purpose(), file(b"")), "file", "is empty"),
    "a file in another field": ((purpose(), file(name="data")), "file", "must be in the field"),
    "two files": ((purpose(), file(), file()), "file", "more than one file"),
    "NUL in the name": ((purpose(), file(filename="a\x00b")), "file", "cannot be shown"),
    "a name that turns around": ((purpose(), file(filename="a\u202eb")), "file", "cannot be shown"),
    "a huge name": ((purpose(), file(filename="n" * 300)), "file", "longer than 255"),
    "a name without end": ((purpose(), file(filename="n" * 100_000)), None, "too long a head"),
    "a field without end": ((purpose(b"x" * 5000), file()), "purpose", "longer than 1000"),
    "many fields": ((*MANY, purpose(), file()), None, "more than 20 fields"),
    "an expiry without seconds": ((purpose(), AFTER, file()), "expires_after.seconds", "must be a number"),
    "an expiry too soon": (
        (purpose(), AFTER, Part("expires_after[seconds]", b"1"), file()), "expires_after.seconds", "from 3600",
    ),
    "an expiry of no number": (
        (purpose(), AFTER, Part("expires_after[seconds]", "\u0663\u0666\u0660\u0660".encode()), file()),
        "expires_after.seconds", "must be a number",
    ),
    "an expiry from another time": (
        (purpose(), Part("expires_after[anchor]", b"last_used"), file()), "expires_after.anchor", "created_at",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
async def test_what_is_wrong_is_named(case: str) -> None:
    here = gateway_here()
    parts, param, detail = BAD[case]
    answer = await sent(here, *parts)
    error = answer.body["error"]
    assert (answer.status, error["code"], error["param"]) == (400, "invalid_request", param), answer
    assert detail in error["message"]
    assert (await told(here, "GET", FILES)).body["data"] == []


KINDS = {
    "JSON": ("application/json", 415), "nothing": ("", 415), "no boundary": ("multipart/form-data", 400),
    "a long boundary": ("multipart/form-data; boundary=" + "b" * 100, 400),
    "another boundary": ("multipart/form-data; boundary=other", 400),
}  # fmt: skip


@pytest.mark.parametrize("case", KINDS)
async def test_what_is_no_form_is_refused(case: str) -> None:
    kind, status = KINDS[case]
    answer = await sent(gateway_here(), purpose(), file(), kind=kind)
    assert (answer.status, answer.error_type) == (status, "invalid_request")


@pytest.mark.parametrize("query", ["after=nonsense", "limit=0", "limit=10001", "order=up", "purpose=other"])
async def test_a_query_that_is_wrong_is_refused(query: str) -> None:
    answer = await told(gateway_here(), "GET", f"{FILES}?{query}")
    assert (answer.status, answer.body["error"]["param"]) == (400, query.partition("=")[0])


async def test_a_key_needs_the_scope() -> None:
    here = gateway_here(Caller("acme", "01234567", frozenset({"inference"})))
    assert (await told(here, "GET", FILES)).status == 403
    assert (await sent(here, purpose(), file())).status == 403
