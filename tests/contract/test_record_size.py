"""The largest body that a gateway takes and the largest answer that a router reads fit a record when sealed."""

from services.gateway.settings import GatewaySettings
from services.router.reports import attempt_started, attempt_succeeded, completed, together
from services.router.settings import RouterSettings
from shared.crypto import KeyRing, SealedContext, seal
from shared.crypto.keys import new_key
from shared.events import ReplyCompleted
from shared.events.bounds import MAX_NAME
from shared.events.topics import MAX_RECORD_BYTES
from shared.wire import Completion, CompletionRead, Usage
from tests.unit.router.values import model, work
from tests.unit.shared.events.samples import INFERENCE, NOW, requested

RING = KeyRing.parse(new_key("k" * 50))
CONTEXT = SealedContext("acme", "input", str(INFERENCE))
HEADERS_BYTES = 4096  # CloudEvents headers, key and the record's own fields


def test_the_largest_request_fits_a_record() -> None:
    body = b"x" * int(GatewaySettings.model_fields["max_body_bytes"].default)
    event = requested(sealed_input=seal(RING, CONTEXT, body))
    assert len(event.encoded()) + HEADERS_BYTES < MAX_RECORD_BYTES


def test_the_longest_settlement_with_its_outcome_fits_a_record() -> None:
    """As the router makes it of an endpoint that says all that an outcome can hold, in characters of six bytes."""
    name = "\x01" * MAX_NAME
    read = CompletionRead("", name, (name,) * 2000, Usage(2**31 - 1, 2**31 - 1))
    job = work(model(id="custom:m"))
    started = attempt_started(job, job.first, 1, "r" * 500, NOW)
    ended = attempt_succeeded(started, Completion(b"", read), NOW, NOW)
    (record,) = together([ended], completed(job, ended, NOW))
    assert len(record.encoded()) + HEADERS_BYTES < MAX_RECORD_BYTES


def test_the_largest_answer_fits_a_record() -> None:
    body = b"x" * int(RouterSettings.model_fields["max_answer_bytes"].default)
    sealed = seal(RING, CONTEXT, body)
    event = ReplyCompleted(
        inference_id=INFERENCE, tenant_id="acme", sealed_body=sealed, model_served="custom:m", attempts=1
    )
    assert len(event.encoded()) + HEADERS_BYTES < MAX_RECORD_BYTES
