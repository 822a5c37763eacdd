"""Find out, step by step, whether an endpoint can be used: DNS, TCP, TLS, and the list of its models.

It never asks for a completion: only routers do, since every completion is on record before it is made. Every dial goes
through the guard, follows no redirect, and is bounded in time and size.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import aiohttp

from services.gateway.models.endpoint_listing import ListedModel
from services.gateway.models.probe_dial import STEP_S, StepFailedError, Walk, connect, reason
from services.gateway.models.probe_steps import (
    Asked,
    Step,
    Subject,
    auth_step,
    failed,
    failed_step,
    listed,
    model_step,
    spoken_wire_format,
)
from shared.errors import Failure
from shared.guard import ForbiddenAddressError, Guard
from shared.registry.models import server_address
from shared.registry.secrets import ModelSecrets
from shared.wire import DIALECTS, WireFormat, base_url, below, dialect_of, wire_format_of

_MAX_MODELS = 500
_MAX_BODY_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is probed. wire_format None: find it out. stored_as: the id of a model that is stored, for its tips."""

    endpoint_url: str
    wire_format: WireFormat | None = None
    secrets: ModelSecrets = field(default_factory=ModelSecrets)
    model: str | None = None
    stored_as: str | None = None

    @property
    def known_format(self) -> WireFormat | None:
        """The wire format, where it was given or the URL gives it away."""
        return self.wire_format or wire_format_of(self.endpoint_url)

    @property
    def spoken(self) -> WireFormat:
        """The wire format to assume while it is not known."""
        return self.known_format or "openai"

    @property
    def base(self) -> str:
        return base_url(self.endpoint_url, self.spoken)

    @property
    def subject(self) -> Subject:
        return Subject(server_address(self.base), self.stored_as, self.secrets.to_redact)


@dataclass(frozen=True, slots=True)
class Probed:
    """assumed: the wire format could not be found out. context_window: of the named model, if the endpoint lists it."""

    steps: tuple[Step, ...]
    wire_format: WireFormat
    assumed: bool
    models: tuple[ListedModel, ...] = ()
    context_window: int | None = None

    @property
    def failure(self) -> Failure | None:
        return next((step.error for step in self.steps if step.ok is False), None)


async def probe(guard: Guard, target: Target, tell: Callable[[Step], None] = lambda _: None) -> Probed:
    """Stops at the first step that fails; `tell` hears of each as it ends.

    Raises TallygateError invalid_request when the endpoint is no URL.
    """
    endpoint, known = guard.check_url(target.base), target.known_format
    walk = Walk(tell)
    failed_before = Probed((), target.spoken, known is None)
    try:
        await connect(guard, endpoint, target.subject, walk)
    except StepFailedError:
        return replace(failed_before, steps=tuple(walk.steps))
    started = time.monotonic()
    try:
        asked = await _ask(guard, target, tuple(DIALECTS) if known is None else (known,))
    except StepFailedError as error:
        walk.note(failed_step("auth", error.failure, time.monotonic() - started))
        return replace(failed_before, steps=tuple(walk.steps))
    return _judged(target, known, walk, asked, time.monotonic() - started)


def _judged(target: Target, known: WireFormat | None, walk: Walk, asked: list[Asked], duration_s: float) -> Probed:
    spoken = known or spoken_wire_format(asked)
    wire_format = spoken or "openai"
    answer = listed(asked) or next((answer for answer in asked if answer.wire_format == wire_format), None)
    auth = auth_step(answer, target.subject, target.secrets.api_key is not None, duration_s)
    walk.note(auth)
    if auth.ok is False:
        return Probed(tuple(walk.steps), wire_format, spoken is None)
    listing = answer.listing if answer else None
    walk.note(model_step(listing, target.model, target.subject))
    found = listing.find(target.model) if listing and target.model else None
    models = listing.models[:_MAX_MODELS] if listing else ()
    window = found.context_window if found else None
    return Probed(tuple(walk.steps), wire_format, spoken is None, models, window)


async def _ask(guard: Guard, target: Target, wire_formats: tuple[WireFormat, ...]) -> list[Asked]:
    """Asks in each wire format until one returns the list of models. Answers that come too late are left out."""
    asked: list[Asked] = []
    try:
        async with asyncio.timeout(STEP_S), _session(guard) as session:
            for wire_format in wire_formats:
                asked.append(await _asked(session, target, wire_format))
                if asked[-1].listing is not None:
                    break
    except TimeoutError:
        pass  # a slow listing is no failure: a completion may still work
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise StepFailedError(_broken(error, target.subject)) from None
    return asked


async def _asked(session: aiohttp.ClientSession, target: Target, wire_format: WireFormat) -> Asked:
    """The one request that a gateway may send by itself: it costs nothing and completes nothing."""
    dialect = dialect_of(wire_format)
    headers = {**target.secrets.headers, **dialect.headers(target.secrets.api_key, target.base)}
    async with session.get(below(target.base, dialect.models_path), headers=headers, allow_redirects=False) as response:
        received = {name.lower(): value for name, value in response.headers.items()}
        return Asked(wire_format, response.status, received, await _read(response))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body; empty when it is larger than any list of models should be."""
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > _MAX_BODY_BYTES:
            return b""
        chunks.append(chunk)
    return b"".join(chunks)


def _session(guard: Guard) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=guard.connector(force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"user-agent": "tallygate", "accept": "application/json"},
    )


def _broken(error: Exception, subject: Subject) -> Failure:
    match error:
        case aiohttp.ClientConnectorError(os_error=ForbiddenAddressError() as forbidden):
            return failed("endpoint_forbidden", f"may not be called: {forbidden}", subject, http_status=400)
        case aiohttp.ClientConnectorError():
            return failed("endpoint_unreachable", f"cannot be reached: {reason(error)}", subject)
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError() | OSError():
            detail = f"closed the connection while it listed its models: {reason(error)}"
            return failed("stream_broken", detail, subject)
        case _:
            return failed("bad_response", f"answered with something that is not HTTP: {type(error).__name__}", subject)
