from datetime import UTC, datetime, timedelta

import pytest
from asyncpg.pgproto import pgproto
from pydantic import ValidationError

from shared.events import InferenceAccepted, InferenceRequested, new_id
from shared.events.inference import ACCEPTED
from tests.unit.shared.events.samples import INFERENCE, NOW, ended, requested, settled


@pytest.mark.parametrize("inputs", [{}, {"input": {"messages": []}, "sealed_input": "x"}])
def test_a_request_has_exactly_one_input(inputs: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="exactly one of input and sealed_input"):
        InferenceRequested.model_validate({"inference_id": INFERENCE, "tenant_id": "acme"} | inputs)


@pytest.mark.parametrize("inputs", [{"input": {}, "sealed_input": None}, {"sealed_input": ""}])
def test_plain_or_sealed_is_enough(inputs: dict[str, object]) -> None:
    assert InferenceRequested.model_validate({"inference_id": INFERENCE, "tenant_id": "acme"} | inputs)


def test_a_request_without_a_deadline_expires_after_two_minutes() -> None:
    assert requested(deadline_at=None).expires_at == NOW + timedelta(seconds=120)


def test_a_request_expires_at_its_deadline() -> None:
    assert requested(deadline_at=NOW + timedelta(seconds=3)).expires_at == NOW + timedelta(seconds=3)


def test_an_upstream_service_needs_to_send_only_ids_and_input() -> None:
    before = datetime.now(UTC)
    event = InferenceRequested.decoded(
        b'{"inference_id": "%b", "tenant_id": "acme", "input": {"messages": []}}' % str(INFERENCE).encode()
    )
    assert before <= event.accepted_at <= datetime.now(UTC)
    assert (event.request_model, event.delivery, event.attempts_made, event.reply_partition) == (None, 1, 0, None)
    assert (event.options.no_fallback, event.options.allow_inactive) == (False, False)


@pytest.mark.parametrize(
    "of_another", [{"inference_id": new_id()}, {"tenant_id": "other"}], ids=["inference", "tenant"]
)
def test_a_settlement_holds_no_outcome_of_another_inference(of_another: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="a call of the same inference"):
        settled(last=ended(**of_another))


def test_an_id_may_come_from_the_database() -> None:
    """asyncpg has a class of its own for UUIDs, which orjson does not write."""
    event = requested(inference_id=pgproto.UUID(str(new_id())))
    told = InferenceAccepted.model_validate_json(dict(event.headers("test", None))[ACCEPTED])
    assert told.inference_id == event.inference_id
