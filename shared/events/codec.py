"""From bytes to the event that a topic may carry, or the reason why not."""

from pydantic import ValidationError

from shared.events.envelope import CE_TYPE, Event, KafkaHeaders, header
from shared.events.topics import Topic

UNDECODABLE = "tallygate_undecodable"  # a header of a record that the broker's client could not decode: why not


class UnreadableMessageError(Exception):
    """A message that cannot be read; the text says why and holds none of its content."""


def decode(topic: Topic, headers: KafkaHeaders, body: bytes | None) -> Event:
    """The event in a message of the topic. Raises UnreadableMessageError."""
    if (undecodable := header(headers, UNDECODABLE)) is not None:
        raise UnreadableMessageError(f"the message cannot be decoded: {undecodable[:200]}")
    kind = _kind_of(topic, header(headers, CE_TYPE))
    if body is None:
        raise UnreadableMessageError("the message has no body")
    try:
        return kind.decoded(body)
    except ValidationError as error:
        raise UnreadableMessageError(f"not a {kind.__name__}: {reason(error)}") from None
    except Exception as error:  # noqa: BLE001
        # Nothing that a message holds may stop its reader, also what no validator foresaw.
        raise UnreadableMessageError(f"not a {kind.__name__}: {type(error).__name__}") from None


def reason(error: ValidationError) -> str:
    """Which fields are wrong and how, without the values that were sent."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[:3]
    return "; ".join(f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}" for problem in first)


def _kind_of(topic: Topic, ce_type: str | None) -> type[Event]:
    if ce_type is None and len(topic.events) == 1:
        return topic.events[0]  # an upstream service that sends no CloudEvents headers
    for kind in topic.events:
        if kind.ce_type == ce_type:
            return kind
    raise UnreadableMessageError(f"ce_type {ce_type and ce_type[:100]!r} is not an event of {topic.name}")
