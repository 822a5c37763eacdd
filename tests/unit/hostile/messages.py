"""Messages as an upstream service that is broken, or means harm, may put them on any topic."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from shared.events import Event, new_id
from shared.events.topics import Topic

_GOLDEN = Path(__file__).parents[2] / "contract" / "golden"

_NUMBERS = (-(10**15), -(2**63), -(2**31) - 1, -1, 0, 1, 64, 65, 2**31, 2**63, 2**64, 10**30, 1e308, -0.0, 1e-320,
            float("nan"), float("inf"), -float("inf"))  # fmt: skip
_TIMES = (
    "9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00", "2026-06-30T23:59:60Z", "2026-11-23T12:00:00",
    "2026-11-23", "2026-11-23T12:00:00+99:99", "1999-12-31T23:59:59Z", "2199-12-31T23:59:59Z", "-1", -(10**15), 10**18,
    "P1D", "now",
)  # fmt: skip
_TEXTS = (
    "", " ", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\u202eevil", "\u2066\u2069", "a\r\nb", "\x1b[31m", "\x7f",
    "x" * 601, "x" * 4001, "a/b", "../..", "a\nb", "-", ".", "*", "%s", "{model}", "custom:", ":", "::1",
    "auto", "monitoring",
    "😀" * 300,
    "NaN", "null", "1e999", "018f" + "0" * 28, "019a0000-0000-4000-8000-000000000001", "not-a-uuid",
)  # fmt: skip
_LARGE: tuple[Any, ...] = ("x" * 1_000_000, "\\ud800" * 100_000, ["a"] * 100_000, {"a": [[]] * 1000})
_SHAPES: tuple[Any, ...] = (None, True, [], {}, [[]], {"": {}}, [None], {"error_type": "internal"}, [1, "2", {}])

_SMALL = (*_NUMBERS, *_TIMES, *_TEXTS, *_SHAPES)
VALUES = st.sampled_from(_SMALL) | st.sampled_from(_LARGE)
_DEEP = tuple(opening * 10_000 + closing * 10_000 for opening, closing in (("[", "]"), ('{"a":', "}")))
_BODIES: tuple[bytes | None, ...] = (
    None, b"", b" ", b"null", b"[]", b"{}", b"0", b'"x"', b"{", b"\xff\xfe", b"\x00" * 100, b'{"a":1}{"a":2}', b"NaN",
    b"\xef\xbb\xbf{}", b"9" * 100_000, *(text.encode() for text in _DEEP),
)  # fmt: skip


class Message(NamedTuple):
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp_ms: int


def golden(kind: type[Event], now: datetime) -> dict[str, Any]:
    """A good event's fields, its instants moved so that the latest of them is now."""
    fields: dict[str, Any] = json.loads((_GOLDEN / f"{kind.ce_type}.json").read_text())
    instants = {name: datetime.fromisoformat(value) for name, value in fields.items()
                if name.endswith("_at") and isinstance(value, str)}  # fmt: skip
    known = [at for name, at in instants.items() if name != "deadline_at"]
    shift = now - max(known, default=now)
    return fields | {name: (at + shift).isoformat() for name, at in instants.items()}


def ce_type_of(kind: type[Event]) -> tuple[str, bytes]:
    return "ce_type", kind.ce_type.encode()


def sweep(kind: type[Event], good: dict[str, Any]) -> list[Message]:
    """Each field once with each hostile value, and each body that is none."""
    places = sorted(good.keys() | kind.model_fields.keys())
    bodies = [_encoded(good | new_ids(good) | {place: value}) for place in places for value in _SMALL]
    return [Message(b"key", body, (ce_type_of(kind),), 0) for body in (*bodies, *_BODIES)]


@st.composite
def messages(draw: st.DrawFn, topic: Topic, kind: type[Event], good: dict[str, Any]) -> Message:
    """Nearly always wrong in one place, sometimes in several; now and then it is good by chance."""
    fields = good | new_ids(good)
    places = sorted(fields.keys() | kind.model_fields.keys())
    for place in draw(st.lists(st.sampled_from(places), min_size=0, max_size=3, unique=True)):
        fields[place] = draw(VALUES)
    for extra in draw(st.lists(st.sampled_from(["extra", "__class__", "ce_type", ""]), max_size=1)):
        fields[extra] = draw(VALUES)
    body = _encoded(fields)
    value = draw(st.just(body) | st.just(body) | st.just(body) | st.sampled_from(_BODIES))
    return Message(
        key=draw(st.sampled_from([b"key", None, b"", b"\xff" * 1000])) if value is not None else b"key",
        value=value,
        headers=draw(_headers(topic, kind)),
        timestamp_ms=draw(st.sampled_from([0, -1, -(10**15), 10**15, 2**63 - 1, 1_795_435_200_000])),
    )


def new_ids(fields: dict[str, Any]) -> dict[str, Any]:
    """Of two with one id, the second is a duplicate, at which nobody would look."""
    names = ("event_id", "inference_id", "attempt_id", "feature_id")
    ids: dict[str, Any] = {name: str(new_id()) for name in names if name in fields}
    if (last := fields.get("last")) is not None:
        subject = {"inference_id": ids["inference_id"], "tenant_id": fields["tenant_id"]}
        ids["last"] = last | new_ids(last) | subject
    return ids


def _encoded(fields: dict[str, Any]) -> bytes:
    """Not every JSON that is sent was written by somebody who minds surrogates, or NaN."""
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _headers(topic: Topic, kind: type[Event]) -> st.SearchStrategy[tuple[tuple[str, bytes | None], ...]]:
    good = ce_type_of(kind)
    others = [ce_type_of(other) for other in topic.events if other is not kind]
    odd: list[tuple[tuple[str, bytes | None], ...]] = [
        (good,),
        (good, good),
        (),
        (("ce_type", None), good),
        (("ce_type", b"\xff\xfe"),),
        (("ce_type", b""),),
        (("ce_type", good[1].replace(b".v1", b".v2")),),
        (("ce_type", b"x" * 100_000),),
        (("\ud800".encode("utf-8", "replace").decode(), b""), good),
        (good, ("traceparent", b"\xff" * 55), ("traceparent", b"00-zz-zz-01"), ("ce_id", b"\x00")),
        *((other, good) for other in others),
    ]
    return st.just(odd[0]) | st.just(odd[0]) | st.sampled_from(odd)
