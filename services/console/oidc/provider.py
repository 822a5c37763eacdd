"""The identity provider, asked over HTTP. Nothing of its answers is kept: what it says of itself and its keys are asked
for at each sign-in, so that a new key is known and a withdrawn one forgotten at once."""

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from services.console.oidc.begun import LASTS_S, Begun
from services.console.oidc.id_token import Expected, NotAcceptedError, verified
from services.console.oidc.roles import claim_of
from services.console.settings import SAFE_URL, OidcSettings
from shared.client import Problem, ProblemError

CALLBACK = "/login/oidc/callback"
_DISCOVERY = "/.well-known/openid-configuration"
_RANDOM_CHARS = 48
_SHOWN_CHARS = 200
_BY_KEY = "Sign in with an API key meanwhile."
_AGAIN = "Begin again with the button below."


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in. roles_claim: what the claim of the settings holds, None when there is none.

    looked_at: where it was looked for. expires_at: seconds since 1970, of the ID token.
    """

    subject: str
    name: str
    roles_claim: Any
    looked_at: str
    expires_at: float


class Provider:
    """Methods raise ProblemError, whose status is 503 when the provider is away, and never has a token in its text."""

    def __init__(self, settings: OidcSettings) -> None:
        self.settings = settings
        self._issuer = settings.issuer.rstrip("/")
        self._own_url = settings.console_url.rstrip("/")
        self._trust = ssl.create_default_context()

    async def begin(self, path: str) -> tuple[str, Begun]:
        """Where to send the browser, and what it takes along. path: of ours, where to go afterwards."""
        begun = Begun(
            state=generate_token(_RANDOM_CHARS), nonce=generate_token(_RANDOM_CHARS),
            verifier=generate_token(_RANDOM_CHARS), path=path, expires_at=time.time() + LASTS_S,
        )  # fmt: skip
        async with self._client() as client:
            metadata = await self._metadata(client)
            url, _ = client.create_authorization_url(
                _endpoint(metadata, "authorization_endpoint"),
                state=begun.state, nonce=begun.nonce, code_verifier=begun.verifier,
            )  # fmt: skip
        return url, begun

    async def finish(self, begun: Begun, code: str) -> Person:
        """code: what the provider gave the browser for us."""
        async with self._client() as client:
            metadata = await self._metadata(client)
            client.token_endpoint_auth_method = self._authentication(metadata)
            token = await client.fetch_token(
                _endpoint(metadata, "token_endpoint"),
                grant_type="authorization_code", code=code, code_verifier=begun.verifier,
            )  # fmt: skip
            key_set = await _json(client, _endpoint(metadata, "jwks_uri"))
            claims = self._claims(token, key_set, metadata, begun.nonce)
            return await self._person(client, metadata, claims)

    async def sign_out_url(self) -> str | None:
        """Where the provider lets people sign out, and sends them back from; None where it does not offer that."""
        async with self._client() as client:
            metadata = await self._metadata(client)
        if "end_session_endpoint" not in metadata:
            return None
        where = _endpoint(metadata, "end_session_endpoint")
        back = {"client_id": self.settings.client_id, "post_logout_redirect_uri": f"{self._own_url}/login"}
        return f"{where}{'&' if '?' in where else '?'}{urlencode(back)}"

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[AsyncOAuth2Client]:
        """For one sign-in: it holds the token, which goes with it."""
        settings = self.settings
        try:
            async with (
                asyncio.timeout(settings.timeout_s),
                AsyncOAuth2Client(
                    settings.client_id, settings.client_secret.get_secret_value() or None, scope=settings.scopes,
                    redirect_uri=self._own_url + CALLBACK, code_challenge_method="S256", verify=self._trust,
                    timeout=settings.timeout_s, trust_env=False,
                ) as client,
            ):  # fmt: skip
                yield client
        except (TimeoutError, httpx2.TimeoutException):
            raise self._away("it did not answer in time") from None
        except httpx2.TransportError as error:
            raise self._away(type(error).__name__) from None
        except httpx2.HTTPStatusError as error:
            raise self._answered(error.response) from None
        except OAuthError as error:
            raise ProblemError(refused(str(error.error), str(error.description or ""))) from None
        except (NotAcceptedError, httpx2.HTTPError, httpx2.InvalidURL, KeyError, TypeError, ValueError) as error:
            raise ProblemError(_strange(_words(error))) from None

    async def _metadata(self, client: AsyncOAuth2Client) -> Mapping[str, Any]:
        """What the provider says of itself, which must be of the issuer that we trust."""
        metadata = await _json(client, self._issuer + _DISCOVERY)
        issuer = metadata.get("issuer")
        if not isinstance(issuer, str) or issuer.rstrip("/") != self._issuer:
            raise NotAcceptedError(f"it says that it is the issuer {str(issuer)[:_SHOWN_CHARS]}")
        return metadata

    def _authentication(self, metadata: Mapping[str, Any]) -> str:
        if not self.settings.client_secret.get_secret_value():
            return "none"
        offered = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"

    def _claims(
        self, token: Mapping[str, Any], key_set: Mapping[str, Any], metadata: Mapping[str, Any], nonce: str
    ) -> dict[str, Any]:
        if not isinstance(token.get("id_token"), str):
            raise NotAcceptedError("it gave no ID token; the scopes must have openid")
        expected = Expected(
            issuer=metadata["issuer"], client_id=self.settings.client_id, nonce=nonce,
            access_token=token.get("access_token"),
            algorithms=metadata.get("id_token_signing_alg_values_supported"), skew_s=self.settings.clock_skew_s,
        )  # fmt: skip
        return verified(token["id_token"], key_set, expected, time.time())

    async def _person(
        self, client: AsyncOAuth2Client, metadata: Mapping[str, Any], claims: Mapping[str, Any]
    ) -> Person:
        """A provider may keep tokens small, and tell roles at its userinfo endpoint only."""
        found, looked_at = claim_of(claims, self.settings.roles_claim), "the ID token"
        if found is None and "userinfo_endpoint" in metadata:
            told = await _json(client, _endpoint(metadata, "userinfo_endpoint"), withhold_token=False)
            if told.get("sub") != claims["sub"]:
                raise NotAcceptedError("its userinfo is of somebody else")
            found, looked_at = claim_of(told, self.settings.roles_claim), f"{looked_at} and the userinfo"
        named = next((claims[name] for name in ("preferred_username", "email", "name") if claims.get(name)), None)
        name = named if isinstance(named, str) else claims["sub"]
        return Person(claims["sub"], name[:_SHOWN_CHARS], found, looked_at, claims["exp"] + self.settings.clock_skew_s)

    def _away(self, why: str) -> ProblemError:
        detail = f"The identity provider at {self._issuer} cannot be reached: {why}."
        tip = (
            f"Operators: try `curl {self._issuer}{_DISCOVERY}` where the console runs, and look at "
            "TALLYGATE_CONSOLE_OIDC_ISSUER."
        )
        return ProblemError(Problem("endpoint_unreachable", detail, (_BY_KEY, tip), 503))

    def _answered(self, response: httpx2.Response) -> ProblemError:
        asked = response.request.url.copy_with(query=None)
        if response.status_code >= 500 or response.status_code == 429:
            return self._away(f"it answered {response.status_code} to {asked}")
        return ProblemError(_strange(f"it answered {response.status_code} to {asked}"))


def refused(error: str, description: str) -> Problem:
    """What the provider says instead of signing somebody in, within bounds."""
    error, description = error[:_SHOWN_CHARS], description[:_SHOWN_CHARS]
    tips = [_AGAIN]
    if error in ("invalid_client", "unauthorized_client"):
        tips = ["Operators: compare TALLYGATE_CONSOLE_OIDC_CLIENT_ID and _CLIENT_SECRET with the provider's client."]
    detail = f"The identity provider did not sign you in: {error}" + (f" ({description})" if description else "")
    return Problem("authentication_failed", detail, tuple(tips), 401)


def _strange(why: str) -> Problem:
    tips = (
        _AGAIN,
        _BY_KEY,
        "Operators: compare the clock, TALLYGATE_CONSOLE_OIDC_ISSUER and the client at the provider; docs/console.md.",
    )
    return Problem("authentication_failed", f"What the identity provider answered is not accepted: {why}.", tips, 401)


def _words(error: Exception) -> str:
    """Of an error that is not ours only its name: its text may have what was sent."""
    return str(error) if isinstance(error, NotAcceptedError) else type(error).__name__


def _endpoint(metadata: Mapping[str, Any], name: str) -> str:
    url = metadata.get(name)
    if not isinstance(url, str) or not re.fullmatch(SAFE_URL, url):
        raise NotAcceptedError(f"its {name} is no https address")
    return url


async def _json(client: AsyncOAuth2Client, url: str, *, withhold_token: bool = True) -> Mapping[str, Any]:
    response = await client.request("GET", url, withhold_token=withhold_token)
    if not 200 <= response.status_code < 300:
        raise httpx2.HTTPStatusError("", request=response.request, response=response)
    found = response.json()
    if not isinstance(found, dict):
        raise NotAcceptedError("it did not answer with an object")
    return found
