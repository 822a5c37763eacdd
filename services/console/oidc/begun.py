"""A sign-in on its way: what the browser takes along to the provider and back, sealed, in a cookie."""

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from services.console.sealing import opened_text, sealed_text
from shared.crypto.keys import KeyRing
from shared.crypto.sealed import SealedContext

COOKIE = "tallygate_sign_in"
LASTS_S = 600  # to type a password and what a telephone shows
_PLACE = SealedContext("", "console sign-in", "cookie")


class Begun(BaseModel, frozen=True):
    """state, nonce: tie the provider's answer and its token to this browser. verifier: whose hash the provider was
    told (PKCE). path: of ours, where to go afterwards. expires_at: seconds since 1970."""

    state: str
    nonce: str
    verifier: str
    path: str
    expires_at: float


def keep(response: Response, ring: KeyRing, begun: Begun, *, path: str, secure: bool) -> None:
    """path: where it is sent to. Not Strict, as the provider's answer comes from another site."""
    response.set_cookie(
        COOKIE, sealed_text(ring, _PLACE, begun), max_age=LASTS_S,
        path=path, httponly=True, samesite="lax", secure=secure,
    )  # fmt: skip


def forget(response: Response, *, path: str) -> None:
    response.delete_cookie(COOKIE, path=path, httponly=True, samesite="lax")


def begun_in(request: Request, ring: KeyRing, now: float) -> Begun | None:
    """None when the browser has none that is still good."""
    begun = opened_text(ring, _PLACE, Begun, request.cookies.get(COOKIE, ""))
    return begun if begun is not None and now < begun.expires_at else None
