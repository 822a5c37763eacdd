"""Pure: records on the tenant's own topic that are no request it may make. Each becomes a dead letter, and nothing else
notices."""

import json
from typing import Any

from shared.events.envelope import CE_TYPE
from shared.events.topics import MAX_RECORD_BYTES, REQUESTS
from tests.chaos.evidence import HONEST
from tests.chaos.topics import INGRESS
from tests.chaos.upstream_records import FRAME_BYTES, UpstreamRecord
from tests.support.raw_records import Headers


def odd_submissions() -> list[UpstreamRecord]:
    records: list[tuple[str, bytes | None, Headers]] = [
        ("no value for a gateway", None, ()),
        ("no JSON for a gateway", b'{"input": ', ()),
        ("5 MB for a gateway", b"x" * (MAX_RECORD_BYTES - FRAME_BYTES), ()),
        ("a type that no gateway reads", _request(), [(CE_TYPE, b"other.v1")]),
        ("a batch of nothing", b'{"requests": []}', ()),
        ("another tenant's name", _request(tenant_id=HONEST), ()),
        ("a reply topic that is ours", _request(reply_topic=REQUESTS.name), ()),
        ("a model that the tenant has not", _request(request_model="custom:nobody"), ()),
        ("a chat without messages", _request(input={"messages": []}), ()),
    ]
    return [
        UpstreamRecord(name, INGRESS, partition % 8, value, "dead letter", headers=headers)
        for partition, (name, value, headers) in enumerate(records)
    ]


def _request(**more: Any) -> bytes:
    return json.dumps({"input": {"messages": [{"role": "user", "content": "odd"}]}} | more).encode()
