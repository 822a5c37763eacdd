"""Who is signed in: the API key, sealed, in a cookie. The console keeps nothing of it."""

import base64
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from shared.crypto.keys import KeyRing
from shared.crypto.sealed import SealedContext, UnreadableSecretError, open_bytes, seal_bytes

COOKIE = "tallygate_session"
_PLACE = SealedContext("", "console session", "cookie")  # it opens as nothing else that is sealed under these keys


class Session(BaseModel, frozen=True):
    """key: the API key. scopes: what the gateway said of it at the sign-in; the gateway checks each request again.

    expires_at: seconds since 1970.
    """

    key: str
    key_id: str
    tenant: str
    scopes: tuple[str, ...]
    expires_at: float

    def may(self, scope: str) -> bool:
        return "admin" in self.scopes or scope in self.scopes


@dataclass(frozen=True, slots=True)
class Sessions:
    ring: KeyRing
    lifetime_s: float

    def begun(self, key: str, caller: dict[str, Any], now: float) -> Session:
        """caller: what the gateway says of the key."""
        return Session(
            key=key, key_id=caller["key_id"], tenant=caller["tenant"], scopes=tuple(caller["scopes"]),
            expires_at=now + self.lifetime_s,
        )  # fmt: skip

    def sealed(self, session: Session) -> str:
        return base64.urlsafe_b64encode(seal_bytes(self.ring, _PLACE, session.model_dump_json().encode())).decode()

    def opened(self, text: str, now: float) -> Session | None:
        """None for what is no session of ours, was altered, or is over."""
        try:
            session = Session.model_validate_json(open_bytes(self.ring, _PLACE, base64.urlsafe_b64decode(text)))
        except (UnreadableSecretError, ValidationError, ValueError):
            return None
        return session if now < session.expires_at else None

    def of(self, request: Request, now: float) -> Session | None:
        text = request.cookies.get(COOKIE)
        return None if text is None else self.opened(text, now)

    def keep(self, response: Response, session: Session, *, secure: bool) -> None:
        response.set_cookie(
            COOKIE, f"{self.sealed(session)}", max_age=int(self.lifetime_s),
            httponly=True, samesite="strict", secure=secure,
        )  # fmt: skip


def forget(response: Response) -> None:
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


def is_https(request: Request) -> bool:
    """Also behind a proxy that ends TLS. Who says so without being one only hides a cookie from its own http."""
    forwarded = request.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    return request.url.scheme == "https" or forwarded == "https"
