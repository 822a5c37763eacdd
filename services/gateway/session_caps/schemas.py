"""Bodies about caps of sessions."""

from typing import Annotated

from pydantic import Field, model_validator

from services.gateway.bodies import Query, StrictBody
from shared.events.bounds import Integral, Session

_MOST = 10**15

_Whole = Annotated[int, Field(ge=0, le=_MOST), Integral]


class SessionCap(StrictBody):
    """POST /api/sessions: what the requests of a session may use in all. What is left out is not capped; 0: nothing."""

    session: Session
    usd: Annotated[float, Field(ge=0, le=_MOST)] | None = None
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
