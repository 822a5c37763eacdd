"""Streams that take their time, that are written in an odd form, and that break off."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from deploy.model_server import answer
from deploy.model_server.call import Call, answer_plan, json_plan, stream_plan
from deploy.model_server.faults import BREAK_PAUSE, cut, first_half, joined
from deploy.model_server.plan import Ending, Paced, Piece, Plan
from deploy.model_server.wire import Parts

COMMENT = b": still at it\n\n"
# Time enough to go on the wire alone: what is written within a millisecond may share a packet.
APART_S = 0.002
DRIP_BYTES = 7  # shorter than any event, and no divisor of what its lines have in common
COMMENT_EVERY_S = 0.05
MANY_COMMENTS = 20_000
BEYOND_ASCII = "gr\u00fcn \u6f22\u5b57 \U0001f701 "
_HOLDER = "\u241f"
_HOLDER_JSON = b"\\u241f"


def at_rate(call: Call) -> Plan:
    """So many chunks a second: `<8 hex digits that go with the last user message>-<number from 0> `.

    In the OpenAI wire every chunk has `sent_at`, seconds since the epoch, too, from which a benchmark knows how long it
    was under way.
    """
    rate, count = max(call.behaviour.number, 1), call.behaviour.second
    if not call.question.stream:
        return answer_plan(call, answer.answer_text(call.question, call.seq, rate_text(call.question.text, count)))
    answered = replace(answer.answer_text(call.question, call.seq, _HOLDER), output_tokens=count)
    events = call.wire.events(answered)
    place = next(index for index, event in enumerate(events) if event.text)
    paced = Paced(_numbered_events(call, events[place].data, count), 1 / rate, events[place + 1 :])
    return replace(stream_plan(call, events[:place]), paced=paced)


def rate_text(asked: str, count: int) -> str:
    return "".join(text.decode() for text in _numbered(asked, count))


def _numbered(asked: str, count: int) -> Iterator[bytes]:
    tag = hashlib.sha256(asked.encode(errors="replace")).hexdigest()[:8].encode()
    return (b"%b-%05d " % (tag, number) for number in range(count))


def _numbered_events(call: Call, event: bytes, count: int) -> Iterator[Piece]:
    """Each made when it is asked for, out of one that holds the place of the text: no JSON is encoded for it."""
    before, _, after = event.partition(_HOLDER_JSON)
    end = b"}\n\n"
    after = after.removesuffix(end)
    for text in _numbered(call.question.text, count):
        sent_at = b',"sent_at":%.6f' % time.time() if call.wire.name == "openai" else b""
        yield Piece(b"%b%b%b%b%b" % (before, text, after, sent_at, end), text)


def silence(call: Call) -> Plan:
    if not call.question.stream:
        return answer_plan(call, call.echo)
    half = first_half(call)
    rest = call.wire.events(call.echo)[len(half) :]
    return stream_plan(call, [*half, rest[0]._replace(pause_s=call.number / 1000), *rest[1:]])


# Whole, in an odd form.


def _comments(pieces: Iterable[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        yield piece._replace(data=b":\n: \nid: 7\nretry: 10\n" + COMMENT + piece.data[:-1] + b":within\n\n")


def _line_ends(line_end: bytes) -> Callable[[Iterable[Piece]], Iterator[Piece]]:
    return lambda pieces: (piece._replace(data=piece.data.replace(b"\n", line_end)) for piece in pieces)


def _one_packet(pieces: Iterable[Piece]) -> Iterator[Piece]:
    yield joined(pieces)


def _drip(pieces: Iterable[Piece]) -> Iterator[Piece]:
    for piece in _line_ends(b"\r\n")(pieces):
        for drop in cut(piece, -(-len(piece.data) // DRIP_BYTES)):
            yield drop._replace(pause_s=APART_S)


def _split_characters(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Each character beyond ASCII ends in another packet than it began in."""
    for piece in pieces:
        data = b"\n".join(map(_unescaped, piece.data.split(b"\n")))
        start = 0
        for place, byte in enumerate(data):
            if byte >= 0xC0:  # the first byte of such a character
                yield Piece(data[start : place + 1], pause_s=APART_S)
                start = place + 1
        yield Piece(data[start:], piece.text, APART_S)


def _unescaped(line: bytes) -> bytes:
    field, _, value = line.partition(b": ")
    if not value.startswith(b"{"):
        return line
    return field + b": " + json.dumps(json.loads(value), ensure_ascii=False).encode(errors="replace")


def _odd(form: Callable[[Iterable[Piece]], Iterable[Piece]], more: str = "") -> Callable[[Call], Plan]:
    def planned(call: Call) -> Plan:
        answered = answer.answer_text(call.question, call.seq, f"{call.echo.text}{more}")
        if not call.question.stream:
            return answer_plan(call, answered)
        return stream_plan(call, list(form(call.wire.events(answered))))

    return planned


def _ordered(order: Callable[[Call, Parts], list[Piece]]) -> Callable[[Call], Plan]:
    def planned(call: Call) -> Plan:
        if not call.question.stream:
            return answer_plan(call, call.echo)
        return stream_plan(call, order(call, call.wire.parts(call.echo)))

    return planned


def _usage_with_content(call: Call, parts: Parts) -> list[Piece]:
    last = max(index for index, event in enumerate(parts.content) if event.text)
    content = [*parts.content]
    content[last] = call.wire.with_usage(content[last], call.echo)
    return parts.opening + content + parts.finish + parts.done


def _empty_deltas(call: Call, parts: Parts) -> list[Piece]:
    begin, *content = parts.content
    silent = call.wire.silent_delta(call.echo)
    between = [event for piece in content for event in ([silent, piece] if piece.text else [piece])]
    return [*parts.opening, begin, silent, *between, *parts.finish, *parts.usage, *parts.done]


def _as_json(call: Call) -> Plan:
    return json_plan(call, call.wire.completion(call.echo), call.echo.text)


def _unasked(call: Call) -> Plan:
    return stream_plan(call, call.wire.events(call.echo))


# Not whole.


def _broken(after: Callable[[Call], Iterable[Piece]], ending: Ending) -> Callable[[Call], Plan]:
    """Without `stream`, an answer as any other."""

    def planned(call: Call) -> Plan:
        if not call.question.stream:
            return answer_plan(call, call.echo)
        return replace(stream_plan(call, after(call)), ending=ending)

    return planned


def _opening(call: Call) -> list[Piece]:
    return call.wire.parts(call.echo).opening


def _half_then(last: Callable[[Call], list[Piece]]) -> Callable[[Call], list[Piece]]:
    return lambda call: [*first_half(call), BREAK_PAUSE, *last(call)]


def _half_event(call: Call) -> list[Piece]:
    half = first_half(call)
    following = call.wire.events(call.echo)[len(half)].data
    return [*half, BREAK_PAUSE, Piece(following[: len(following) // 2])]


def _not_json(call: Call) -> list[Piece]:
    half = first_half(call)
    return [*half, BREAK_PAUSE, Piece(b'data: {"choices": [\n\n'), *call.wire.events(call.echo)[len(half) :]]


def _only_comments(_call: Call) -> Iterator[Piece]:
    return (Piece(COMMENT, pause_s=COMMENT_EVERY_S) for _ in range(MANY_COMMENTS))


def _error(name: str) -> Callable[[Call], list[Piece]]:
    return lambda call: [call.wire.error_event(call.error(name))]


def _error_choice(call: Call) -> list[Piece]:
    done = call.wire.parts(call.echo).done
    return [call.wire.error_choice(call.echo, call.error("fault-500")), *done]


def _error_then_done(call: Call) -> list[Piece]:
    return [*_error("fault-500")(call), *call.wire.parts(call.echo).done]


_TEXT_FOR_ERROR = Piece(b'event: error\ndata: {"type":"error","error":"the model ran out of memory"}\n\n')
_PLAIN_ERROR = Piece(b"event: error\ndata: Internal Server Error\n\n")

PLANS: dict[str, Callable[[Call], Plan]] = {
    "fault-stream-comments": _odd(_comments),
    "fault-stream-crlf": _odd(_line_ends(b"\r\n")),
    "fault-stream-cr": _odd(_line_ends(b"\r")),
    "fault-stream-one-packet": _odd(_one_packet),
    "fault-stream-drip": _odd(_drip),
    "fault-stream-split-characters": _odd(_split_characters, f" {BEYOND_ASCII}"),
    "fault-stream-no-done": _ordered(lambda _, parts: parts.opening + parts.content + parts.finish + parts.usage),
    "fault-stream-usage-early": _ordered(
        lambda _, parts: parts.opening + parts.content + parts.usage + parts.finish + parts.done
    ),
    "fault-stream-usage-late": _ordered(
        lambda _, parts: parts.opening + parts.content + parts.finish + parts.done + parts.usage
    ),
    "fault-stream-usage-with-content": _ordered(_usage_with_content),
    "fault-stream-empty-deltas": _ordered(_empty_deltas),
    "fault-stream-as-json": _as_json,
    "fault-stream-unasked": _unasked,
    "fault-stream-reset-first": _broken(lambda call: [*_opening(call), BREAK_PAUSE], Ending.RESET),
    "fault-stream-reset-mid": _broken(_half_then(lambda _: []), Ending.RESET),
    "fault-stream-eof-mid": _broken(_half_then(lambda _: []), Ending.DONE),
    "fault-stream-half-event": _broken(_half_event, Ending.DONE),
    "fault-stream-silent-first": _broken(_opening, Ending.HANG),
    "fault-stream-silent-mid": _broken(first_half, Ending.HANG),
    "fault-stream-only-comments": _broken(_only_comments, Ending.HANG),
    "fault-stream-not-json": _broken(_not_json, Ending.DONE),
    "fault-stream-error-first": _broken(lambda call: [*_opening(call), *_error("fault-500")(call)], Ending.DONE),
    "fault-stream-error-429": _broken(_half_then(_error("fault-429")), Ending.DONE),
    "fault-stream-error-529": _broken(_half_then(_error("fault-529")), Ending.DONE),
    "fault-stream-error-text": _broken(_half_then(lambda _: [_TEXT_FOR_ERROR]), Ending.DONE),
    "fault-stream-error-plain": _broken(_half_then(lambda _: [_PLAIN_ERROR]), Ending.DONE),
    "fault-stream-error-choice": _broken(_half_then(_error_choice), Ending.DONE),
    "fault-stream-error-then-done": _broken(_half_then(_error_then_done), Ending.DONE),
}
