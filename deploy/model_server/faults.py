"""How each fault that is more than a refusal goes on the wire."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from deploy.model_server import answer, plan
from deploy.model_server.call import Call, answer_plan, error_plan, json_plan, stream_plan
from deploy.model_server.plan import Ending, Piece, Plan

# A client may drop what it has not read when it learns that the connection is gone: give it time to read.
# What comes in one read with its end may be dropped as a whole.
BREAK_PAUSE = Piece(b"", pause_s=0.1)
SLOW_BODY_PIECES = 20
HUGE_PIECE = b"x" * 65_536
MIB = 1024 * 1024

NOT_FOUND_PAGE = plan.whole(404, plan.HTML, b"<html><body><h1>404 Not Found</h1></body></html>")
SIGN_IN_PAGE = plan.whole(200, plan.HTML, b"<html><body><h1>Welcome</h1><p>Please sign in.</p></body></html>")

_FILLER = "\u241f"
_FILLER_JSON = b"\\u241f"


def redirect(call: Call) -> Plan:
    return plan.whole(307, plan.HTML, b"", {"location": f"/elsewhere{call.path}"})


def empty(call: Call) -> Plan:
    return plan.whole(200, plan.EVENT_STREAM if call.question.stream else plan.JSON, b"")


def no_choices(call: Call) -> Plan:
    if call.question.stream:
        return stream_plan(call, call.wire.hollow_events(call.echo))
    return json_plan(call, call.wire.hollow_completion(call.echo))


def slow_body(call: Call) -> Plan:
    planned = answer_plan(call, call.echo)
    pieces = list(planned.pieces) if call.question.stream else cut(joined(planned.pieces), SLOW_BODY_PIECES)
    pause_s = call.number / 1000 / len(pieces)
    return replace(planned, pieces=[piece._replace(pause_s=pause_s) for piece in pieces])


def half_body(call: Call) -> Plan:
    if call.question.stream:
        return broken_stream(call)
    planned = answer_plan(call, call.echo)
    body = joined(planned.pieces).data
    return replace(planned, pieces=[Piece(body[: len(body) // 2])], ending=Ending.CUT)


def broken_stream(call: Call) -> Plan:
    if not call.question.stream:
        return half_body(call)
    return replace(stream_plan(call, [*first_half(call), BREAK_PAUSE]), ending=Ending.CUT)


def error_in_stream(call: Call) -> Plan:
    if not call.question.stream:
        return error_plan(call, call.error("fault-500"))
    return stream_plan(call, [*first_half(call), BREAK_PAUSE, call.wire.error_event(call.error("fault-500"))])


def huge(call: Call) -> Plan:
    """Well-formed, with one text as long as it takes; as a stream, that text is one event."""
    planned = answer_plan(call, answer.answer_text(call.question, call.seq, _FILLER))
    before, _, after = joined(planned.pieces).data.rpartition(_FILLER_JSON)
    length = max(call.number * MIB, len(before) + len(after))
    return replace(
        planned, headers={**planned.headers, "content-length": str(length)}, pieces=_filled(before, after, length)
    )


def long_error(call: Call) -> Plan:
    """What looks like the start of a token is what redacting patterns look at longest."""
    begin = "eyJ"
    message = begin + "a" * (call.number * 1024 - len(begin))
    return error_plan(call, replace(call.error("fault-500"), message=message, anthropic_message=message))


def first_half(call: Call) -> list[Piece]:
    """Of a stream, with the first of its content."""
    events = call.wire.events(call.echo)
    return events[: len(events) // 2]


def cut(piece: Piece, count: int) -> list[Piece]:
    """Into so many pieces. The text comes with the last one."""
    size = max(1, -(-len(piece.data) // count))
    pieces = [Piece(piece.data[start : start + size]) for start in range(0, len(piece.data), size)]
    return [*pieces[:-1], pieces[-1]._replace(text=piece.text)]


def _filled(before: bytes, after: bytes, length: int) -> Iterator[Piece]:
    yield Piece(before)
    missing = length - len(before) - len(after)
    for _ in range(missing // len(HUGE_PIECE)):
        yield Piece(HUGE_PIECE, HUGE_PIECE)
    rest = HUGE_PIECE[: missing % len(HUGE_PIECE)]
    yield Piece(rest + after, rest)


def joined(pieces: Iterable[Piece]) -> Piece:
    pieces = list(pieces)
    return Piece(b"".join(piece.data for piece in pieces), b"".join(piece.text for piece in pieces))
