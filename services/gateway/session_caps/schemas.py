"""Bodies about caps of sessions."""

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue, model_validator

from services.gateway.bodies import Query, StrictBody
from shared.events.bounds import Integral, Session, Usd

_MOST = 10**15

_Whole = Annotated[int, Field(ge=0, le=_MOST), Integral]
_GIVEN: list[JsonValue] = [
    {"required": [name], "properties": {name: {"type": "number"}}} for name in ("usd", "calls", "tokens")
]


class SessionCap(StrictBody):
    """POST /api/sessions: what the requests of a session may use in all. What is left out is not capped; 0: nothing."""

    model_config = ConfigDict(json_schema_extra={"anyOf": _GIVEN})

    session: Session
    usd: Usd | None = None
    calls: _Whole | None = None
    tokens: _Whole | None = None

    @model_validator(mode="after")
    def _caps_something(self) -> "SessionCap":
        if self.usd is None and self.calls is None and self.tokens is None:
            raise ValueError("at least one of usd, calls and tokens must be given")
        return self


class SessionPath(Query):
    """/api/sessions/{session}"""

    session: Session
