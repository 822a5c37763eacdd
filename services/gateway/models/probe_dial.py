"""The first steps of a probe: resolve, connect, shake hands. Each is bounded, and goes to checked addresses only."""

import asyncio
import os
import ssl
import time
from collections.abc import Awaitable, Callable
from functools import cache
from typing import NamedTuple

from services.gateway.models.probe_steps import Step, StepName, Subject, failed, failed_step
from shared.errors import ErrorType, Failure
from shared.guard import Endpoint, ForbiddenAddressError, Guard

STEP_S = 5.0


class StepFailedError(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


class Done(NamedTuple):
    """A step that worked: a sentence on it, and the addresses that the next step may use."""

    detail: str
    addresses: list[str]


class Walk:
    """The steps that were taken so far, with their durations. `tell` is called with each as it ends."""

    def __init__(self, tell: Callable[[Step], None]) -> None:
        self.steps: list[Step] = []
        self._tell = tell

    def note(self, step: Step) -> None:
        self.steps.append(step)
        self._tell(step)

    async def take(self, name: StepName, work: Awaitable[Done]) -> list[str]:
        """Records the step whether it works or fails; raises its StepFailedError."""
        started = time.monotonic()
        try:
            done = await work
        except StepFailedError as error:
            self.note(failed_step(name, error.failure, time.monotonic() - started))
            raise
        self.note(Step(name, True, time.monotonic() - started, done.detail))
        return done.addresses


async def connect(guard: Guard, endpoint: Endpoint, subject: Subject, walk: Walk) -> None:
    """Raises StepFailedError at the first step that fails. The connections are closed again."""
    addresses = await walk.take("dns", _resolve(guard, endpoint, subject))
    addresses = await walk.take("tcp", _dial(addresses, endpoint.port, subject))
    if endpoint.scheme == "https":
        await walk.take("tls", _shake_hands(addresses, endpoint, subject))


async def _resolve(guard: Guard, endpoint: Endpoint, subject: Subject) -> Done:
    try:
        async with asyncio.timeout(STEP_S):
            addresses = await guard.addresses(endpoint.host, endpoint.port)
    except ForbiddenAddressError as error:
        failure = failed("endpoint_forbidden", f"may not be called: {error}", subject, http_status=400)
        raise StepFailedError(failure) from None
    except TimeoutError:
        raise _failed("endpoint_unreachable", "could not be resolved in time", subject) from None
    except OSError:
        raise _failed("endpoint_unreachable", "cannot be resolved: the host name is unknown", subject) from None
    # The addresses are not shown: a tenant must not be able to map internal names.
    many = "an address" if len(addresses) == 1 else f"{len(addresses)} addresses"
    reached = "may be called" if addresses == [endpoint.host] else f"has {many} that may be called"
    return Done(f"{endpoint.host} {reached}", addresses)


async def _dial(addresses: list[str], port: int, subject: Subject) -> Done:
    """Connects to the first address that accepts; each address gets an equal share of the time."""
    last_error = _failed("endpoint_unreachable", "has no address", subject)
    for address in addresses:
        try:
            async with asyncio.timeout(STEP_S / len(addresses)):
                _, writer = await asyncio.open_connection(address, port)
        except TimeoutError:
            last_error = _failed("connect_timeout", "did not accept a connection in time", subject)
        except OSError as error:
            last_error = _failed("endpoint_unreachable", f"cannot be reached: {reason(error)}", subject)
        else:
            writer.transport.abort()
            return Done(f"{subject.host} accepts connections", [address])
    raise last_error


async def _shake_hands(addresses: list[str], endpoint: Endpoint, subject: Subject) -> Done:
    try:
        async with asyncio.timeout(STEP_S):
            _, writer = await asyncio.open_connection(
                addresses[0], endpoint.port, ssl=_tls(), server_hostname=endpoint.host
            )
    except TimeoutError:
        raise _failed("tls_failed", "did not finish the TLS handshake in time", subject) from None
    except OSError as error:  # ssl.SSLError is one; others close the connection in the middle of the handshake
        raise _failed("tls_failed", f"did not complete the TLS handshake: {reason(error)}", subject) from None
    version = writer.get_extra_info("ssl_object").version()
    writer.transport.abort()
    return Done(f"{version}, with a valid certificate", addresses)


def reason(error: BaseException) -> str:
    cause = getattr(error, "os_error", None) or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) and cause.errno is not None:
        return os.strerror(cause.errno)
    return getattr(cause, "reason", None) or type(cause).__name__


def _failed(error_type: ErrorType, detail: str, subject: Subject) -> StepFailedError:
    return StepFailedError(failed(error_type, detail, subject))


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
