"""What a gateway does with what upstream services publish, in memory."""

import asyncio
from datetime import timedelta
from typing import Any
from unittest import mock

import orjson
import pytest
from structlog.testing import capture_logs

from services.gateway.ingress import taking
from services.gateway.ingress.store import Known
from shared.crypto import SealedContext, open_sealed
from shared.errors import TallygateError
from shared.events import InferenceSettled, new_id, utc_now
from shared.registry import Model, TenantModels
from tests.unit.gateway.ingress.here import OWN, SHARED, asked, ingress_here


async def test_a_request_is_sealed_and_published_as_a_background_inference_of_the_topics_tenant() -> None:
    here, one = ingress_here(), new_id()
    await here.take(asked(one, session="s1", reply_key_id="k1"))
    [request] = here.requested
    assert (request.inference_id, request.tenant_id, request.api_key_id) == (one, "acme", f"kafka:{OWN}")
    assert (request.store_result, request.is_awaited, request.session) == (True, False, "s1")
    context = SealedContext("acme", "input", str(one))
    opened = orjson.loads(open_sealed(here.here.gateway.ring, context, request.sealed_input or ""))
    assert opened["messages"] == [{"role": "user", "content": "hi"}]
    assert here.letters.letters == []


async def test_one_that_claims_another_tenant_is_told_set_aside_and_on_record_once_a_minute() -> None:
    here, one, two = ingress_here(), new_id(), new_id()
    await here.take(asked(one, tenant_id="rival"), asked(two, tenant_id="rival"))
    assert here.requested == []
    assert [letter[:2] for letter in here.letters.letters] == [(f"{OWN}.dlq", "permission_denied")] * 2
    assert {one: error.error_type for one, error in here.store.failures().items()} == {
        one: "permission_denied", two: "permission_denied",
    }  # fmt: skip
    [change] = here.changes.recorded
    assert (change.tenant_id, change.action, change.details) == ("acme", "ingress.refused", {"claimed_tenant": "rival"})


@pytest.mark.parametrize(
    ("operation", "given", "operation_of_row"),
    [
        ("chat", {"messages": [{"role": "user", "content": "hi"}]}, "chat"),
        ("messages", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}, "messages"),
        ("responses", {"input": "hi"}, "responses"),
        ("completions", {"prompt": "hi"}, "completions"),
        ("embeddings", {"input": "hi"}, "embeddings"),
        ("rerank", {"query": "hi", "documents": ["a"]}, "rerank"),
    ],
)
async def test_all_is_taken_that_can_be_asked_in_the_background(
    operation: str, given: dict[str, Any], operation_of_row: str
) -> None:
    here, one = ingress_here(), new_id()
    await here.take(asked(one, operation_name=operation, input=given, priority="bulk"))
    [request] = here.requested
    assert request.priority == "bulk"
    [new] = here.store.added
    assert new.operation == operation_of_row
    assert (new.sealed_request is not None) == (operation == "responses")


async def test_a_shared_topic_believes_what_a_request_says() -> None:
    here = ingress_here()
    await here.take(asked(new_id(), tenant_id="other"), asked(new_id()), topic=SHARED)
    assert [request.tenant_id for request in here.requested] == ["other"]
    assert "tenant_id" in here.letters.letters[0][2]


@pytest.mark.parametrize(
    ("wrong", "error_type", "words"),
    [
        ({"reply_topic": "inference.requests.v1"}, "invalid_request", "reply_topic"),
        ({"input": {"messages": []}}, "invalid_request", "messages"),
        ({"input": {"messages": [{"role": "user", "content": "x" * 100_001}]}}, "payload_too_large", "100000"),
        ({"request_model": "custom:none"}, "model_not_found", "custom:none"),
        ({"reply_key_id": "k9"}, "invalid_request", "k9"),
        ({"operation_name": "embeddings", "form": "anthropic"}, "invalid_request", "form"),
        ({"tags": 7}, "invalid_request", "tags"),
        ({"operation_name": "completions", "input": {"prompt": "hi", "suffix": "x"}}, "invalid_request", "suffix"),
        ({"operation_name": "responses", "input": {"input": "hi", "store": False}}, "invalid_request", "store"),
        (
            {"operation_name": "responses", "input": {"input": "hi", "previous_response_id": "resp_1"}},
            "invalid_request",
            "previous_response_id",
        ),
        ({"operation_name": "messages", "form": "openai"}, "invalid_request", "form"),
        ({"reply_topic": None, "reply_key_id": "k1"}, "invalid_request", "reply_key_id"),
        ({"api_key_id": "shadow"}, "invalid_request", "api_key_id"),
        ({"reply_partition": 0}, "invalid_request", "reply_partition"),
        ({"options": {"allowed_models": ["custom:m"]}}, "invalid_request", "allowed_models"),
        ({"inference_id": "7"}, "invalid_request", "inference_id"),
    ],
)
async def test_what_http_would_refuse_is_a_dead_letter_and_holds_up_nothing(
    wrong: dict[str, Any], error_type: str, words: str
) -> None:
    here, one, after = ingress_here(), new_id(), new_id()
    await here.take(asked(one, **wrong), asked(after))
    assert [request.inference_id for request in here.requested] == [after]
    [(_, told, reason)] = here.letters.letters
    assert told == error_type
    assert words in reason
    expected = [] if "reply_topic" in wrong else [error_type]
    assert [error.error_type for error in here.store.failures().values()] == expected
    assert len(here.woken) == len(expected)


async def test_of_a_batch_each_is_taken_or_refused_by_itself() -> None:
    here, good, bad = ingress_here(), new_id(), new_id()
    await here.take({"requests": [asked(bad, input={}), asked(good)]})
    assert [request.inference_id for request in here.requested] == [good]
    assert list(here.store.failures()) == [bad]
    assert len(here.letters.letters) == 1


# Once


async def test_what_comes_again_is_the_same_inference_and_says_that_it_may_be_there() -> None:
    here, one = ingress_here(), new_id()
    await here.take(asked(one))
    await here.again()
    assert [(request.inference_id, request.republished) for request in here.requested] == [(one, False), (one, True)]
    here.store.rows[one] = here.store.rows[one]._replace(ended=True)
    await here.again()
    assert len(here.requested) == 2


async def test_twice_in_one_batch_it_is_published_once() -> None:
    here, one = ingress_here(), new_id()
    body = asked(one)
    await here.take(body, body)
    assert len(here.requested) == 1


async def test_what_is_read_late_may_have_been_read_before_by_a_database_that_lost_its_row() -> None:
    here, one = ingress_here(), new_id()
    await here.take(asked(one, accepted_at=(utc_now() - timedelta(seconds=30)).isoformat()))
    assert [request.republished for request in here.requested] == [True]


async def test_the_same_id_with_another_request_is_refused() -> None:
    here, one = ingress_here(), new_id()
    await here.take(asked(one))
    await here.take(asked(one, input={"messages": [{"role": "user", "content": "another"}]}))
    assert len(here.requested) == 1
    assert "published before with another request" in here.letters.letters[0][2]


async def test_the_same_id_with_another_reply_topic_is_refused_there() -> None:
    """On whichever topic it is published: nobody waits for an answer that goes elsewhere."""
    here, one = ingress_here(), new_id()
    await here.take(asked(one))
    await here.take(asked(one, tenant_id="acme", reply_topic="replies.second"), topic=SHARED)
    assert len(here.requested) == 1
    assert "another reply_topic" in here.letters.letters[0][2]
    [refused] = here.store.refused.values()
    assert refused.reply_topic == "replies.second"


async def test_an_id_that_another_gateway_took_for_another_request_at_this_moment_is_not_published() -> None:
    here, one = ingress_here(), new_id()
    theirs = Known("other", b"another", None, ended=False)
    known = mock.patch.object(here.store, "known", side_effect=[{}, {one: theirs}])
    with known, mock.patch.object(here.store, "add", return_value=set()):
        await here.take(asked(one))
    assert here.requested == []
    assert here.letters.letters[0][1] == "permission_denied"


async def test_what_was_refused_stays_refused_when_it_comes_again() -> None:
    here, one = ingress_here(), new_id()
    await here.take(asked(one, request_model="custom:none"))
    registered = Model(
        id="custom:none", wire_format="openai", provider_name="openai", endpoint_url="https://model.example/v1"
    )
    registry = here.here.gateway.completing.registry
    with mock.patch.object(registry, "current", return_value=TenantModels(2, {registered.id: registered})):
        await here.again()
    assert here.requested == []


async def test_a_tenant_that_is_not_there_gets_nothing() -> None:
    here, one = ingress_here(), new_id()
    await here.take(asked(one, tenant_id="nobody"), topic=SHARED)
    assert here.requested == []
    assert here.letters.letters[0][1] == "permission_denied"


# Limits


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "_HELD_S", 0.001)
    monkeypatch.setattr(taking, "_RETRY_S", 0.001)


@pytest.mark.usefixtures("impatient")
async def test_beyond_a_limit_a_tenants_own_topic_waits_and_what_is_taken_goes_on() -> None:
    here, one, two = ingress_here(max_background_per_tenant=1), new_id(), new_id()
    here.store.open = [0, 1, 1, 0]  # the first one ends in the end
    await here.take(asked(one), asked(two))
    assert [request.inference_id for request in here.requested] == [one, two]
    assert here.store.failures() == {}


@pytest.mark.usefixtures("impatient")
async def test_beyond_a_limit_a_request_of_a_shared_topic_is_rejected_and_in_the_books() -> None:
    here, one, two = ingress_here(max_background_per_tenant=1), new_id(), new_id()
    await here.take(asked(one, tenant_id="acme"), asked(two, tenant_id="acme"), topic=SHARED)
    assert [request.inference_id for request in here.requested] == [one]
    [settled] = await here.rejected()
    assert (settled.inference_id, settled.settlement) == (two, "rejected")
    assert here.store.failures()[two].error_type == "too_many_requests"
    assert here.letters.letters == []


async def test_a_rate_holds_as_over_http() -> None:
    here = ingress_here(tenant_rate_per_s=0.001, tenant_burst=2)
    await here.take(*(asked(new_id(), tenant_id="acme") for _ in range(3)), topic=SHARED)
    assert len(here.requested) == 2
    assert [error.error_type for error in here.store.failures().values()] == ["too_many_requests"]


async def test_a_flood_beyond_a_rate_is_refused_in_one_go_and_others_are_taken() -> None:
    here, quiet = ingress_here(tenant_rate_per_s=0.001, tenant_burst=1), new_id()
    flood = [asked(new_id(), tenant_id="acme") for _ in range(100)]
    with mock.patch.object(here.store, "refuse", wraps=here.store.refuse) as refuse:
        await here.take(*flood, asked(quiet, tenant_id="other"), topic=SHARED)
    assert len(here.requested) == 2
    assert here.requested[1].inference_id == quiet
    assert (len(here.store.failures()), refuse.call_count) == (99, 1)
    assert len([event for event in here.here.broker.events if isinstance(event, InferenceSettled)]) == 99


async def test_what_has_passed_its_deadline_needs_no_place() -> None:
    """A router settles it as expired, and its sender is told so."""
    here, one = ingress_here(max_background_per_tenant=1), new_id()
    here.store.open = [1]
    await here.take(asked(one, deadline_at=(utc_now() - timedelta(seconds=1)).isoformat()))
    assert [request.inference_id for request in here.requested] == [one]


async def test_a_deadline_that_has_passed_is_no_way_around_a_rate() -> None:
    here = ingress_here(tenant_rate_per_s=0.001, tenant_burst=1)
    late = (utc_now() - timedelta(seconds=1)).isoformat()
    await here.take(*(asked(new_id(), tenant_id="acme", deadline_at=late) for _ in range(3)), topic=SHARED)
    assert len(here.requested) == 1
    assert [error.error_type for error in here.store.failures().values()] == ["too_many_requests"] * 2


# What fails here


@pytest.mark.usefixtures("impatient")
async def test_without_an_ack_it_is_published_again() -> None:
    here, one = ingress_here(), new_id()
    here.here.broker.away = True
    with capture_logs() as logs:
        taken = asyncio.create_task(here.take(asked(one)))
        async with asyncio.timeout(10):
            while not any(entry["event"] == "ingress.not_acked" for entry in logs):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    assert not taken.done()
    here.here.broker.away = False
    await taken
    assert [request.republished for request in here.requested] == [True]


@pytest.mark.usefixtures("impatient")
async def test_while_models_cannot_be_read_nothing_is_refused() -> None:
    here, one = ingress_here(), new_id()
    registry, away = here.here.gateway.completing.registry, TallygateError("unavailable", "no database")
    with mock.patch.object(registry, "current", side_effect=[away, away, registry.of("acme")]):
        await here.take(asked(one))
    assert len(here.requested) == 1
    assert here.letters.letters == []


async def test_a_record_that_fails_as_nobody_foresaw_is_set_aside_alone() -> None:
    here, one = ingress_here(), new_id()
    here.store.failing = [ZeroDivisionError()]
    await here.take(asked(one))
    assert here.letters.letters == [(f"{OWN}.dlq", "internal", "it could not be taken: ZeroDivisionError")]


async def test_a_database_that_is_away_is_waited_for_by_who_holds_the_records() -> None:
    here = ingress_here()
    here.store.failing = [ConnectionError()]
    with pytest.raises(ConnectionError):
        await here.take(asked(new_id()))
    assert here.letters.letters == []
