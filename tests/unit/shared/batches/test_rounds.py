"""What a worker and a gateway say to each other can be said by nobody else, and not later."""

from datetime import timedelta

import pytest

from shared.batches.rounds import (
    NewLine,
    Round,
    Told,
    UnreadableRoundError,
    open_round,
    open_told,
    sealed_round,
    sealed_told,
)
from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.events import new_id
from tests.unit.shared.events.samples import NOW

RING, BATCH = KeyRing.parse(new_key()), new_id()
ASKED = Round(
    sent_at=NOW, nonce="n", endpoint="/v1/embeddings", key_id="0a", session="s", created_at=NOW,
    lines=[NewLine(line=1, inference_id=new_id(), custom_id="c", body="{}")],
)  # fmt: skip


def test_what_is_asked_is_read_by_who_has_the_keys() -> None:
    sealed = sealed_round(RING, "acme", BATCH, ASKED)
    assert open_round(RING, "acme", BATCH, sealed, NOW + timedelta(seconds=50)) == ASKED


@pytest.mark.parametrize("of", ["tenant", "batch", "ring", "time", "bytes"])
def test_what_was_sealed_for_something_else_is_refused(of: str) -> None:
    sealed = sealed_round(RING, "acme", BATCH, ASKED)
    with pytest.raises(UnreadableRoundError):
        open_round(
            KeyRing.parse(new_key()) if of == "ring" else RING,
            "other" if of == "tenant" else "acme",
            new_id() if of == "batch" else BATCH,
            b"x" if of == "bytes" else sealed,
            NOW + timedelta(seconds=61 if of == "time" else 0),
        )


def test_an_answer_belongs_to_its_question() -> None:
    sealed = sealed_told(RING, "acme", BATCH, "n", Told(begun=[1]))
    assert open_told(RING, "acme", BATCH, "n", sealed).begun == [1]
    with pytest.raises(UnreadableRoundError):
        open_told(RING, "acme", BATCH, "m", sealed)
