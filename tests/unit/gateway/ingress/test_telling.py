"""Answers on reply topics."""

import base64
from typing import Any
from uuid import UUID

import orjson
import pytest
from aiokafka.errors import MessageSizeTooLargeError, TopicAuthorizationFailedError
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from services.gateway.ingress.store import Due
from services.gateway.ingress.telling import Telling
from shared.crypto import SealedContext, seal
from shared.errors import failure
from shared.events import ReplyCompleted, ReplyFailed, new_id
from shared.events.upstream import UpstreamReplyFailed
from tests.support.gateway_app import NOW
from tests.unit.gateway.ingress.here import INGRESS, IngressHere, ingress_here

_ANSWER = {"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}


def due(inference_id: UUID, **more: Any) -> Due:
    fields = {
        "reply_id": inference_id, "inference_id": inference_id, "tenant_id": "acme", "reply_topic": "replies.acme",
        "reply_key_id": None, "public_key": None, "trace_context": None, "refusal": None, "failures": 0,
    }  # fmt: skip
    return Due(**fields | more)  # type: ignore[arg-type]


def stored(
    here: IngressHere, inference_id: UUID, reply: ReplyCompleted | ReplyFailed | None, operation: str = "chat",
    sealed_request: str | None = None,
) -> None:  # fmt: skip
    result = (None, None) if reply is None else (reply.ce_type, reply.model_dump_json().encode())
    row = (inference_id, "acme", operation, False, sealed_request, NOW, NOW, NOW, NOW, *result)
    here.here.pool.answers = {"FROM gateway.background": [row], **here.here.pool.answers}


def completed(here: IngressHere, inference_id: UUID) -> ReplyCompleted:
    context = SealedContext("acme", "reply", str(inference_id))
    sealed = seal(here.here.gateway.ring, context, orjson.dumps(_ANSWER))
    return ReplyCompleted(
        inference_id=inference_id, tenant_id="acme", sealed_body=sealed, model_served="custom:m", attempts=2
    )


async def tell(here: IngressHere, *replies: Due) -> None:
    here.store.due_now = list(replies)
    gateway = here.here.gateway
    telling = Telling(here.store, gateway.background, gateway.background_responses, here.letters, INGRESS)
    await telling._tell_due()


async def test_an_answer_is_told_in_clear_under_the_trace_of_who_asked() -> None:
    here, one = ingress_here(), new_id()
    stored(here, one, completed(here, one))
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await tell(here, due(one, trace_context=trace))
    [(topic, body, headers)] = here.letters.sent
    assert (topic, headers["ce_type"], headers["traceparent"]) == ("replies.acme", ReplyCompleted.ce_type, trace)
    assert (body["inference_id"], body["model_served"], body["attempts"]) == (str(one), "custom:m", 2)
    assert (body["body"], body["sealed_body"]) == (_ANSWER, None)
    assert here.store.told_ids == [one]


async def test_an_answer_for_a_key_is_sealed_for_it() -> None:
    here, one, private = ingress_here(), new_id(), X25519PrivateKey.generate()
    stored(here, one, completed(here, one))
    await tell(here, due(one, reply_key_id="k1", public_key=private.public_key().public_bytes_raw()))
    [(_, body, _)] = here.letters.sent
    assert (body["body"], body["reply_key_id"]) == (None, "k1")
    suite, info = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM), f"tallygate/reply/acme/{one}".encode()
    assert orjson.loads(suite.decrypt(base64.b64decode(body["sealed_body"]), private, info)) == _ANSWER


async def test_a_failure_is_told_as_the_books_have_it() -> None:
    here, one = ingress_here(), new_id()
    error = failure("server_error", "why")
    stored(here, one, ReplyFailed(inference_id=one, tenant_id="acme", settlement="failed", error=error, attempts=3))
    await tell(here, due(one))
    [(_, body, headers)] = here.letters.sent
    assert headers["ce_type"] == ReplyFailed.ce_type
    assert (body["settlement"], body["error"]["error_type"], body["attempts"]) == ("failed", "server_error", 3)


async def test_a_refusal_is_told_as_it_was_kept() -> None:
    here, one = ingress_here(), new_id()
    refusal = UpstreamReplyFailed(
        inference_id=one, tenant_id="acme", settlement="rejected", error=failure("invalid_request", "why")
    )
    await tell(here, due(one, refusal=refusal.encoded()))
    assert here.letters.sent[0][1]["settlement"] == "rejected"


@pytest.mark.parametrize("refused", [TopicAuthorizationFailedError(), TimeoutError()], ids=["acl", "silence"])
async def test_what_cannot_be_told_is_put_off_and_other_topics_are_told_meanwhile(refused: Exception) -> None:
    here, one, two = ingress_here(), new_id(), new_id()
    stored(here, one, completed(here, one))
    here.letters.refusing = [refused]
    refusal = UpstreamReplyFailed(
        inference_id=two, tenant_id="acme", settlement="rejected", error=failure("invalid_request", "why")
    )
    await tell(here, due(one, reply_topic="replies.a"), due(two, reply_topic="replies.b", refusal=refusal.encoded()))
    assert [topic for topic, _ in here.store.put_off_until] == ["replies.a"]
    assert here.store.told_ids == [two]


@pytest.mark.parametrize(("refusals", "told"), [(1, ReplyCompleted), (2, ReplyFailed)], ids=["its batch", "itself"])
async def test_an_answer_that_is_too_large_is_told_as_that_only_when_it_is_it(
    refusals: int, told: type[ReplyCompleted | ReplyFailed]
) -> None:
    here, one = ingress_here(), new_id()
    stored(here, one, completed(here, one))
    here.letters.refusing = [MessageSizeTooLargeError()] * refusals
    await tell(here, due(one))
    [(_, body, headers)] = here.letters.sent
    assert headers["ce_type"] == told.ce_type
    assert (body.get("error") or {}).get("error_type") == (None if told is ReplyCompleted else "payload_too_large")


async def test_a_result_that_is_gone_is_not_tried_for_ever() -> None:
    here, one = ingress_here(), new_id()
    stored(here, one, None)
    await tell(here, due(one))
    assert (here.letters.sent, here.store.told_ids) == ([], [one])


async def test_a_topic_that_may_not_be_named_any_more_is_not_written_to() -> None:
    here, one = ingress_here(), new_id()
    stored(here, one, completed(here, one))
    await tell(here, due(one, reply_topic="once.allowed"))
    assert (here.letters.sent, here.store.told_ids) == ([], [one])


async def test_a_reply_that_fails_as_nobody_foresaw_holds_up_no_other_of_its_topic() -> None:
    here, one = ingress_here(), new_id()
    await tell(here, due(one, refusal=b"no reply"))
    assert [topic for topic, _ in here.store.put_off_until] == [None]


async def test_a_response_is_told_as_one() -> None:
    here, one = ingress_here(), new_id()
    stored(
        here,
        one,
        completed(here, one),
        "responses",
        here.here.gateway.background.sealed_request("acme", one, b'{"input": "hi"}'),
    )
    await tell(here, due(one))
    [(_, body, _)] = here.letters.sent
    assert (body["body"]["object"], body["body"]["status"]) == ("response", "completed")
