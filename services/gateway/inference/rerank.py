"""Pure: may a request to rank documents be accepted?"""

from collections.abc import Mapping
from datetime import datetime

from services.gateway.bodies import parse_json, validated
from services.gateway.inference.admission import Admitted, Deadlines, admitted
from services.gateway.inference.schemas import RerankBody


def admit_rerank(body: bytes, headers: Mapping[str, str], now: datetime, deadlines: Deadlines) -> Admitted:
    """Raises InvalidBodyError."""
    fields = parse_json(body)
    return admitted(validated(RerankBody, fields), fields, body, headers, now, deadlines, "rerank")
