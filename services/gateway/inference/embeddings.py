"""Pure: may a request for embeddings be accepted?"""

from collections.abc import Mapping
from datetime import datetime

from services.gateway.bodies import InvalidBodyError, parse_json, validated
from services.gateway.inference.admission import Admitted, Deadlines, admitted
from services.gateway.inference.schemas import EmbeddingsBody
from shared.events.topics import MAX_SEALED_BYTES

_ANSWER_BYTES = MAX_SEALED_BYTES // 4 * 3  # sealed and in base64 it must fit an event
_IN_BASE64 = 16 / 3  # bytes of one number, which is the shortest way to say it
_SMALLER = "Send fewer inputs in one request, or ask for fewer dimensions."


def admit_embeddings(body: bytes, headers: Mapping[str, str], now: datetime, deadlines: Deadlines) -> Admitted:
    """Raises InvalidBodyError, also when it is certain that the answer would be too large to be passed on."""
    fields = parse_json(body)
    asked = validated(EmbeddingsBody, fields)
    _check_size(asked)
    return admitted(asked, fields, body, headers, now, deadlines, "embeddings")


def _check_size(asked: EmbeddingsBody) -> None:
    """Of an answer of which it is known beforehand: it would be paid for, and lost."""
    inputs = len(asked.input) if isinstance(asked.input, list) and type(asked.input[0]) is not int else 1
    if asked.dimensions is None or inputs * asked.dimensions * _IN_BASE64 <= _ANSWER_BYTES:
        return
    refusal = InvalidBodyError(
        f"{inputs} embeddings of {asked.dimensions} dimensions have more than the {_ANSWER_BYTES} bytes of an answer",
        "input",
    )
    refusal.failure = refusal.failure.model_copy(update={"tips": (_SMALLER,)})
    raise refusal
