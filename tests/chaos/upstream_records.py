"""Pure: records that another service may put on the topics, without the gateway: good ones and odd ones."""

import json
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

import uuid_utils.compat

from shared.events import AttemptEnded, InferenceRequested
from shared.events.envelope import CE_TYPE
from shared.events.topics import ATTEMPTS, MAX_RECORD_BYTES, OUTCOMES, REQUESTS, RESULTS
from tests.chaos.mix import QUICK
from tests.support.raw_records import Headers

# More than we make (shared/events/topics.py): an operator may, and upstream services then use them all.
REQUEST_PARTITIONS = 12
ONLY_UPSTREAM = range(REQUESTS.partitions, REQUEST_PARTITIONS)  # our own publishers do not write there

Ends = Literal["dead letter", "settled"]

FRAME_BYTES = 8 * 1024  # of a record, for its key, headers and batch
_LONG_AGO_MS = -(10**15)


class UpstreamRecord(NamedTuple):
    """ends: how it must end. inference_id: of a request that can be read."""

    name: str
    topic: str
    partition: int
    value: bytes | None
    ends: Ends
    key: bytes | None = None
    headers: Headers = ()
    timestamp_ms: int | None = None
    inference_id: str | None = None


def good_request(tenant_id: str, number: int, now: datetime, model: str = "after-3000") -> UpstreamRecord:
    """It goes where only upstream services publish to."""
    partition = ONLY_UPSTREAM[number % len(ONLY_UPSTREAM)]
    return _request("good", partition, _body(tenant_id, now, request_model=f"custom:{model}"))


def odd_records(tenant_id: str, now: datetime) -> list[UpstreamRecord]:
    """Each of them alone must end, and nothing else must notice."""
    body = _body(tenant_id, now)
    unreadable = [
        ("reply partition 64", _json(_body(tenant_id, now, reply_partition=64))),
        ("a deadline in the year 9999", _json(_body(tenant_id, now, deadline_at="9999-12-31T23:59:59-05:00"))),
        ("a deadline in a month", _json(_body(tenant_id, now, deadline_at=(now + timedelta(days=31)).isoformat()))),
        ("no input", _json({name: value for name, value in body.items() if name != "input"})),
        ("the number 10^400 as a version", _json(body)[:-1] + b', "registry_version": 1' + b"0" * 400 + b"}"),
        ("deeper than any reader goes", b"[" * 100_000),
        ("not JSON", b'{"inference_id": '),
        ("not UTF-8", b"\xff\xfe\x00\x01"),
        ("5 MB", b"x" * (MAX_RECORD_BYTES - FRAME_BYTES)),
    ]
    good = _json(body)
    at = REQUESTS.name
    return [
        *(UpstreamRecord(name, at, place % REQUEST_PARTITIONS, value, "dead letter", key=b"odd")
          for place, (name, value) in enumerate(unreadable)),
        UpstreamRecord("no value", at, 10, None, "dead letter", key=b"odd"),
        UpstreamRecord("neither key nor value", at, 11, None, "dead letter"),
        UpstreamRecord("a type that is not ours", at, 0, good, "dead letter", headers=[(CE_TYPE, b"other.v1")]),
        UpstreamRecord("the type of another topic", at, 1, good, "dead letter",
                       headers=[(CE_TYPE, AttemptEnded.ce_type.encode())]),
        UpstreamRecord("a type that is not UTF-8", at, 2, good, "dead letter", headers=[(CE_TYPE, b"\xff\xfe")]),
        *(UpstreamRecord(f"not JSON on {topic}", topic, 3, b"{", "dead letter", key=b"odd",
                         headers=[(CE_TYPE, kind.encode())])
          for topic, kind in _OTHERS),
        *(_request(name, place % REQUEST_PARTITIONS, _body(tenant_id, now) | more, headers, timestamp_ms)
          for place, (name, more, headers, timestamp_ms) in enumerate(_readable(now))),
    ]  # fmt: skip


# Their readers are the monitors and the gateway.
_OTHERS = ((ATTEMPTS.name, "tallygate.attempt.started.v1"), (OUTCOMES.name, AttemptEnded.ce_type),
           (RESULTS.name, "tallygate.reply.completed.v1"))  # fmt: skip


def _readable(now: datetime) -> list[tuple[str, dict[str, Any], Headers, int | None]]:
    """What can be read has an id, and so an end of its own."""
    past = (now - timedelta(minutes=5)).isoformat()
    sealed = {"input": None, "sealed_input": "not sealed by anyone"}
    return [
        ("a model that is not there", {"request_model": "custom:nobody"}, (), None),
        ("a deadline that has passed", {"accepted_at": past, "deadline_at": past}, (), None),
        ("an input that nobody can open", sealed, (), None),
        ("an input without messages", {"input": {"messages": "none"}}, (), None),
        ("a tenant that nobody knows", {"tenant_id": "nobody"}, (), None),
        ("written 30,000 years ago", {}, (), _LONG_AGO_MS),
        ("a trace that is none", {}, [("traceparent", b"\xff\xfe")], None),
        ("a header without a value", {}, [("other", None)], None),
        ("a header whose name is not UTF-8", {}, [(b"\xff\xfe", b"\xff")], None),
        ("accepted in the future", {"accepted_at": (now + timedelta(days=1)).isoformat()}, (), None),
        ("a thousand headers", {}, [(f"header-{n}", b"x" * 100) for n in range(1000)], None),
    ]


def _request(
    name: str, partition: int, body: dict[str, Any], headers: Headers = (), timestamp_ms: int | None = None
) -> UpstreamRecord:
    inference_id = str(body["inference_id"])
    kind = [(CE_TYPE, InferenceRequested.ce_type.encode())]
    return UpstreamRecord(name, REQUESTS.name, partition, _json(body), "settled", UUID(inference_id).bytes,
                          [*kind, *headers], timestamp_ms, inference_id)  # fmt: skip


def _body(tenant_id: str, now: datetime, **more: Any) -> dict[str, Any]:
    return {
        "inference_id": str(uuid_utils.compat.uuid7()),
        "tenant_id": tenant_id,
        "request_model": f"custom:{QUICK}",
        "input": {"messages": [{"role": "user", "content": "from upstream"}]},
        "deadline_at": (now + timedelta(seconds=60)).isoformat(),
    } | more


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()
