"""What frames hold is read back as it was sealed, and for no other tenant and inference."""

import pytest

from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.errors import failure
from shared.events import ReplyCompleted, ReplyFailed, new_id
from shared.lane.frames import BrokenLaneError
from shared.lane.payloads import Chunks, chunk_context, open_chunks, open_reply, sealed_chunks, sealed_reply

_RING = KeyRing.parse(new_key())
_MINE, _OTHER = new_id(), new_id()
_COMPLETED = ReplyCompleted(inference_id=_MINE, tenant_id="acme", sealed_body="", model_served="settlement", attempts=1)
_FAILED = ReplyFailed(
    inference_id=_MINE, tenant_id="acme", settlement="failed", error=failure("internal", "it failed"), attempts=1
)
_CHUNKS = Chunks(3, 70_000, b'{"a":1}\n{"b":2}')


@pytest.mark.parametrize(("said", "body"), [(_COMPLETED, b"{}"), (_FAILED, b"")], ids=["completed", "failed"])
def test_a_reply_comes_out_as_it_was(said: ReplyCompleted | ReplyFailed, body: bytes) -> None:
    assert open_reply(_RING, "acme", _MINE, sealed_reply(_RING, said, body)) == (said, body)


def test_chunks_come_out_as_they_were() -> None:
    context = chunk_context("acme", _MINE)
    payload = sealed_chunks(_RING, context, _CHUNKS)
    assert _CHUNKS.lines not in payload
    assert open_chunks(_RING, context, payload) == _CHUNKS


@pytest.mark.parametrize("tenant_id", ["acme", "other"])
def test_what_is_of_another_inference_or_tenant_is_refused(tenant_id: str) -> None:
    inference_id = _MINE if tenant_id == "other" else _OTHER
    reply = sealed_reply(_RING, _COMPLETED, b"{}")
    with pytest.raises(BrokenLaneError):
        open_reply(_RING, tenant_id, inference_id, reply)
    sealed = sealed_chunks(_RING, chunk_context("acme", _MINE), _CHUNKS)
    with pytest.raises(BrokenLaneError):
        open_chunks(_RING, chunk_context(tenant_id, inference_id), sealed)


def test_what_is_cut_short_is_refused() -> None:
    reply = sealed_reply(_RING, _COMPLETED, b"{}")
    chunks = sealed_chunks(_RING, chunk_context("acme", _MINE), _CHUNKS)
    for length in range(len(reply)):
        if length == len(reply) - len(reply[5:]) + int.from_bytes(reply[1:5]):
            continue  # a reply without a body
        with pytest.raises(BrokenLaneError):
            open_reply(_RING, "acme", _MINE, reply[:length])
    for length in range(len(chunks)):
        with pytest.raises(BrokenLaneError):
            open_chunks(_RING, chunk_context("acme", _MINE), chunks[:length])
