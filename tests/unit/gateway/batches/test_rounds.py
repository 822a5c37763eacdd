"""Lines that a worker asks a gateway to begin, and results that it tells."""

from typing import Any

import orjson
import pytest

from services.gateway.batches.rounds import BatchRounds
from shared.batches.rounds import (
    BATCH_HEADER,
    MOST_BYTES,
    PATH,
    TENANT_HEADER,
    NewLine,
    Round,
    Told,
    sealed_round,
)
from shared.events import InferenceRequested, new_id, utc_now
from tests.support.gateway_app import Here, gateway_here, told

BATCH = new_id()
KEY_ROW: dict[str, Any] = {"tenant_id": "acme", "scopes": ["inference"], "allowed_models": None, "max_priority": None}
CHAT: dict[str, Any] = {"model": "custom:m", "messages": [{"role": "user", "content": "hi"}]}


def new(line: int, body: Any = None, *, again: bool = False) -> NewLine:
    text = orjson.dumps(CHAT if body is None else body).decode()
    return NewLine(line=line, inference_id=new_id(), custom_id=f"c{line}", body=text, again=again)


def asked(*lines: NewLine) -> Round:
    now = utc_now()
    return Round(
        sent_at=now, nonce="n", endpoint="/v1/chat/completions", key_id="0a", session="s", created_at=now, lines=lines
    )


def here_with(row: dict[str, Any] | None = None, **settings: Any) -> Here:
    here = gateway_here(**settings)
    rows = [] if row is None else [row]
    here.pool.answers = {"SELECT tenant_id, scopes": rows} | here.pool.answers
    return here


async def said(here: Here, *lines: NewLine) -> Told:
    rounds: BatchRounds = here.gateway.batch_rounds
    return await rounds.told("acme", BATCH, asked(*lines), None)


def requests(here: Here) -> list[InferenceRequested]:
    return [event for event in here.broker.events if isinstance(event, InferenceRequested)]


async def test_a_line_travels_under_its_id_for_a_stored_result() -> None:
    here, first, second = here_with(KEY_ROW), new(1), new(2, again=True)

    assert (await said(here, first, second)).begun == [1, 2]

    assert [(one.inference_id, one.republished) for one in requests(here)] == [
        (first.inference_id, False),
        (second.inference_id, True),
    ]
    assert {(one.store_result, one.reply_to, one.session, one.api_key_id) for one in requests(here)} == {
        (True, None, "s", "0a")
    }


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"messages": []}, 400, "invalid_request"),
        (CHAT | {"stream": True}, 400, "invalid_request"),
        (CHAT | {"model": "custom:gone"}, 404, "model_not_found"),
        (CHAT | {"user": "x" * 2000}, 413, "payload_too_large"),
    ],
    ids=["invalid", "streamed", "no-model", "too-large"],
)
async def test_what_cannot_be_asked_ends_its_line_only(body: dict[str, Any], status: int, code: str) -> None:
    here = here_with(KEY_ROW, max_body_bytes=1000)

    found = await said(here, new(1, body), new(2))

    assert (found.begun, [one.line for one in found.ended], found.ended[0].is_error) == ([2], [1], True)
    written = orjson.loads(found.ended[0].written)
    assert (written["custom_id"], written["response"]["status_code"]) == ("c1", status)
    assert written["response"]["body"]["error"]["code"] == code


async def test_what_a_tenant_may_not_send_now_waits() -> None:
    here = here_with(KEY_ROW, tenant_rate_per_s=0.001, tenant_burst=2)

    found = await said(here, new(1), new(2), new(3))

    assert found.begun == [1, 2]
    assert (found.later is not None, found.later_s > 1) == (True, True)
    assert len(requests(here)) == 2


async def test_what_is_not_acked_may_be_there() -> None:
    here = here_with(KEY_ROW)
    here.broker.away = True
    found = await said(here, new(1))
    assert (found.begun, found.unsure, found.ended) == ([], [1], [])


@pytest.mark.parametrize(
    "row",
    [None, KEY_ROW | {"tenant_id": "b"}, KEY_ROW | {"scopes": ["monitor"]}],
    ids=["revoked", "of-another", "no-scope"],
)
async def test_a_key_that_may_not_ask_stops_the_batch(row: dict[str, Any] | None) -> None:
    here = here_with(row)
    found = await said(here, new(1))
    assert found.stop is not None
    assert "0a" in found.stop
    assert requests(here) == []


async def test_a_result_that_is_lost_or_cannot_be_read_is_an_error_of_its_own() -> None:
    here, lost, unreadable = here_with(KEY_ROW), new_id(), new_id()
    here.pool.answers = {
        "l.inference_id < $3": [(3, "c3", lost)],
        "FROM monitor.inferences": [(lost,)],
        "sealed_request, ce_type": [(4, "c4", unreadable, None, "no.such.event", b"{}")],
    } | here.pool.answers
    in_flight = asked().model_copy(update={"in_flight": 2})

    async def ended() -> list[tuple[int, Any]]:
        found = await here.gateway.batch_rounds.told("acme", BATCH, in_flight, None)
        return [(one.line, orjson.loads(one.written)["error"]["code"]) for one in found.ended if one.is_error]

    assert await ended() == [(4, "result_lost")]
    here.pool.answers["sealed_request, ce_type"] = []
    assert await ended() == [(3, "result_lost")]


async def test_only_who_has_the_keys_is_heard() -> None:
    here = here_with(KEY_ROW)
    sealed = sealed_round(here.gateway.ring, "acme", BATCH, asked(new(1)))

    async def status_of(body: bytes, tenant: str = "acme", size: int | None = None) -> int:
        headers = {
            TENANT_HEADER: tenant,
            BATCH_HEADER: str(BATCH),
            "content-length": str(len(body) if size is None else size),
        }
        return (await told(here, "POST", PATH, body, [(k.encode(), v.encode()) for k, v in headers.items()])).status

    assert await status_of(b"x" * 100) == 404
    assert await status_of(sealed, tenant="b") == 404
    assert await status_of(sealed, size=MOST_BYTES + 1) == 404
    assert (await told(here, "POST", PATH, sealed)).status == 404
    assert requests(here) == []
    assert await status_of(sealed) == 200
    assert len(requests(here)) == 1
