"""Caps of sessions: what the requests of one agent's run may use in all."""

from typing import Any

from fastapi import APIRouter, Request, Response

from services.gateway.answers.sessions import CappedSession, CappedSessions
from services.gateway.bodies import validated
from services.gateway.edge import json_response
from services.gateway.gateway import Gateway, gateway_of
from services.gateway.routes.documented import documented
from services.gateway.session_caps.schemas import SessionCap, SessionPath
from services.gateway.tenants.changes import changed_by
from shared.client.requests import SESSIONS
from shared.errors import TallygateError
from shared.events import CAP_LIFE, SessionCapped, utc_now
from shared.selection.session_caps import CappedSession as Capped
from shared.selection.session_caps import Used

router = APIRouter(tags=["sessions"])


@router.post(SESSIONS)
@documented(takes=SessionCap, gives={200: CappedSession, 201: CappedSession}, fails=(409,))
async def cap_session(request: Request) -> Response:
    """Caps a session from now on; one that is capped gets these amounts, and what it has used still counts."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "sessions")
    body = await gateway.body(request, caller, SessionCap)
    amounts = body.model_dump(exclude={"session"})
    change = changed_by(caller, "session.capped", body.session, **amounts)
    new = await gateway.session_caps.put(body, change, utc_now())
    return json_response(await _shown(gateway, caller.tenant_id, body.session), 201 if new else 200)


@router.get(SESSIONS)
@documented(gives=CappedSessions)
async def list_sessions(request: Request) -> Response:
    """The sessions that have a cap, those that were capped last first."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "sessions", "monitor")
    caps = await gateway.session_caps.caps(caller.tenant_id, utc_now())
    return json_response({"sessions": [_told(gateway, cap) for cap in caps], "total": len(caps)})


@router.get(SESSIONS + "/{session}")
@documented(gives=CappedSession, fails=(404,))
async def show_session(request: Request, session: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "sessions", "monitor")
    validated(SessionPath, {"session": session})
    return json_response(await _shown(gateway, caller.tenant_id, session))


@router.delete(SESSIONS + "/{session}")
@documented(fails=(404,))
async def uncap_session(request: Request, session: str) -> Response:
    """Takes the cap away, and what was counted with it."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "sessions")
    validated(SessionPath, {"session": session})
    change = changed_by(caller, "session.uncapped", session)
    if not await gateway.session_caps.remove(session, change, utc_now()):
        raise _unknown(session)
    return Response(status_code=204)


async def _shown(gateway: Gateway, tenant_id: str, session: str) -> dict[str, Any]:
    cap = await gateway.session_caps.cap(tenant_id, session, utc_now())
    if cap is None:
        raise _unknown(session)
    return _told(gateway, cap)


def _told(gateway: Gateway, cap: SessionCapped) -> dict[str, Any]:
    known = gateway.conditions.session(cap.tenant_id, cap.session)
    used = known.used if known is not None and known.cap.since == cap.since else Used()
    return {
        "session": cap.session,
        "usd": cap.usd,
        "calls": cap.calls,
        "tokens": cap.tokens,
        "used": used._asdict(),
        "used_up": list(Capped(cap, used).used_up),
        "since": cap.since.isoformat(),
        "until": (cap.since + CAP_LIFE).isoformat(),
    }


def _unknown(session: str) -> TallygateError:
    tips = ("See: tallygate sessions list", f"Cap it: tallygate sessions cap {session} --usd 5")
    return TallygateError("invalid_request", f"session {session!r} has no cap", http_status=404, tips=tips)
