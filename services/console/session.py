"""Who is signed in, in a sealed cookie. The console keeps nothing of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from services.console.sealing import opened_text, sealed_text
from shared.crypto.keys import KeyRing
from shared.crypto.sealed import SealedContext

COOKIE = "tallygate_session"
_PLACE = SealedContext("", "console session", "cookie")  # it opens as nothing else that is sealed under these keys


class Session(BaseModel, frozen=True):
    """key: the API key; in the cookie only of who signed in with it. scopes: what the gateway said of it at the
    sign-in; the gateway checks each request again. expires_at: seconds since 1970.

    roles: of who signed in by an identity provider, with the one in use first: the console has their keys.
    person: their name, as the provider told it.
    """

    key: str
    key_id: str
    tenant: str
    scopes: tuple[str, ...]
    expires_at: float
    roles: tuple[str, ...] = ()
    person: str = ""

    def may(self, scope: str) -> bool:
        return "admin" in self.scopes or scope in self.scopes


@dataclass(frozen=True, slots=True)
class Sessions:
    """role_keys: API keys by role."""

    ring: KeyRing
    lifetime_s: float
    role_keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    def begun(self, key: str, caller: dict[str, Any], now: float) -> Session:
        """caller: what the gateway says of the key."""
        return Session(
            key=key, key_id=caller["key_id"], tenant=caller["tenant"], scopes=tuple(caller["scopes"]),
            expires_at=now + self.lifetime_s,
        )  # fmt: skip

    def sealed(self, session: Session) -> str:
        kept = session.model_copy(update={"key": ""}) if session.roles else session
        return sealed_text(self.ring, _PLACE, kept)

    def opened(self, text: str, now: float) -> Session | None:
        """None for what is no session of ours, was altered, is over, or is of a role that is no longer there."""
        session = opened_text(self.ring, _PLACE, Session, text)
        if session is None or now >= session.expires_at:
            return None
        if not session.roles:
            return session
        key = self.role_keys.get(session.roles[0])
        return None if key is None else session.model_copy(update={"key": key})

    def of(self, request: Request, now: float) -> Session | None:
        text = request.cookies.get(COOKIE)
        return None if text is None else self.opened(text, now)

    def keep(self, response: Response, session: Session, now: float, *, secure: bool) -> None:
        response.set_cookie(
            COOKIE, self.sealed(session), max_age=round(session.expires_at - now),
            httponly=True, samesite="strict", secure=secure,
        )  # fmt: skip


def forget(response: Response) -> None:
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


def is_https(request: Request) -> bool:
    """Also behind a proxy that ends TLS. Who says so without being one only hides a cookie from its own http."""
    forwarded = request.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    return request.url.scheme == "https" or forwarded == "https"
