"""May a model be called now? Breakers of this router and places of models, so that a bad endpoint delays no others."""

import asyncio
from collections import Counter
from typing import NamedTuple

from services.router.breaker import CLOSED, Breaker, BreakerPolicy
from services.router.instruments import breakers
from services.router.places import Places, Ticket
from shared.errors import Failure, failure
from shared.memory import Memory
from shared.priorities import Priority
from shared.registry import Model

_KEPT = 50_000

# Tenant (None: the deployment) and model id: tenants' models of the same name have nothing in common.
Key = tuple[str | None, str]


# Endpoint, key and headers of a model. When its owner changes them, its breaker starts anew.
Target = tuple[str, str | None, str | None]


class _State(NamedTuple):
    breaker: Breaker
    in_flight: int
    target: Target


class Gate:
    def __init__(self, policy: BreakerPolicy, places: Places) -> None:
        self._policy = policy
        self.places = places
        self._states: Memory[Key, _State] = Memory(_KEPT)

    def enter(self, model: Model, priority: Priority = "normal", ticket: Ticket | None = None) -> Failure | None:
        """None: the call may begin, and `leave` must follow. Otherwise why it may not: `model_at_capacity` when a place
        of it is worth waiting for. ticket: of who has waited for one."""
        now = asyncio.get_running_loop().time()
        breaker, in_flight, target = self._state(model)
        if breaker.state(now) == "open":
            return _circuit_open(model, breaker, now)
        if model.max_concurrency is not None and not self._has_place(model, priority, ticket):
            detail = f"{model.id} has its max_concurrency, {model.max_concurrency} calls, over all routers"
            return failure("model_at_capacity", detail, model=model.id, retry_after_s=1.0)
        self._keep(model, _State(breaker.entered(now), in_flight + 1, target))
        return None

    def leave(self, model: Model, failed: Failure | None, *, called: bool = True) -> None:
        """The call that was let in has ended: failed with this failure, or None. called: False when it was not made."""
        if model.max_concurrency is not None:
            self.places.give_back(model)
        known = self._states.get((model.tenant_id, model.id))
        if known is not None and known.target != _target(model):  # the call was to the old target
            self._keep(model, known._replace(in_flight=max(0, known.in_flight - 1)))
            return
        breaker, in_flight, target = self._state(model)
        if not called:
            after = breaker.left()
        elif failed is None:
            after = breaker.succeeded()
        else:
            after = breaker.failed(failed.error_type, asyncio.get_running_loop().time(), self._policy)
        self._keep(model, _State(after, max(0, in_flight - 1), target))

    def _has_place(self, model: Model, priority: Priority, ticket: Ticket | None) -> bool:
        if ticket is not None and (ticket.model.tenant_id, ticket.model.id) == (model.tenant_id, model.id):
            return self.places.use(ticket)
        return self.places.take(model, priority)

    async def measure(self) -> None:
        """For `/metrics`."""
        now = asyncio.get_running_loop().time()
        states = Counter(known.breaker.state(now) for known in self._states.values())
        for state in ("open", "half_open"):
            breakers.labels(state).set(states[state])

    def _state(self, model: Model) -> _State:
        known = self._states.get((model.tenant_id, model.id))
        if known is None or known.target != _target(model):
            return _State(CLOSED, known.in_flight if known else 0, _target(model))
        return known

    def _keep(self, model: Model, state: _State) -> None:
        """Stores the state. A model without failures and calls has the state of an unknown one, and is forgotten."""
        key = (model.tenant_id, model.id)
        if not state.in_flight and state.breaker == CLOSED:
            self._states.forget(key)
        else:
            self._states.put(key, state)


def _target(model: Model) -> Target:
    return model.endpoint_url, model.sealed_api_key, model.sealed_headers


def _circuit_open(model: Model, breaker: Breaker, now: float) -> Failure:
    wait_s = max(1.0, (breaker.open_until or now) - now)
    detail = (
        f"{breaker.failures} calls of {model.id} failed in a row, the last one with {breaker.last_error}; "
        f"it is tried again in {wait_s:.0f} s"
    )
    return failure("circuit_open", detail, model=model.id, host=model.server_address, retry_after_s=wait_s)
