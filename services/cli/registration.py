"""Register a model, try it, keep it or take it back: it is never left half-done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from services.cli.client import COMPLETION_TIMEOUT_S, Client, in_path
from services.cli.output import err, say
from services.cli.problem import Problem, ProblemError
from services.cli.signals import terminated_as_interrupted, undisturbed

CUSTOM_MODELS = "/api/models/custom"


class Registration:
    """A model that is registered and inactive, until it is activated, kept as it is, or removed."""

    def __init__(self, client: Client, model: dict[str, Any]) -> None:
        self._client = client
        self.model = model
        self.kept = False

    @property
    def id(self) -> str:
        return str(self.model["id"])

    def test(self) -> dict[str, Any]:
        """One real completion. Raises ProblemError."""
        return try_model(self._client, self.id)

    def activate(self) -> None:
        with undisturbed():
            self.model = self._client.patch(_path(self.id), {"is_active": True}).body
            self.kept = True

    def keep_inactive(self) -> None:
        self.kept = True

    def remove(self) -> None:
        with undisturbed():
            try:
                self._client.delete(_path(self.id))
            except ProblemError as error:
                raise ProblemError(_left_behind(self.id, error.problem)) from error


@contextmanager
def registered(client: Client, body: dict[str, Any]) -> Iterator[Registration]:
    """The model, inactive; on leaving it is removed unless it was kept, whatever the reason for leaving."""
    registration: Registration | None = None
    with terminated_as_interrupted():
        try:
            with undisturbed():
                registration = Registration(client, _created(client, body | {"is_active": False}))
            yield registration
        finally:
            if registration is not None and not registration.kept:
                registration.remove()
                say(f"{registration.id} was removed again.", "dim")


def register_untested(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    return _created(client, body | {"is_active": True})


def try_model(client: Client, model_id: str, message: str | None = None) -> dict[str, Any]:
    body = {} if message is None else {"message": message}
    with err().status(f"Asking {model_id} ..."):
        tested: dict[str, Any] = client.post(f"{_path(model_id)}/test", body, COMPLETION_TIMEOUT_S).body
    return tested


def _created(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    created: dict[str, Any] = client.post(CUSTOM_MODELS, body).body
    return created


def _path(model_id: str) -> str:
    return f"{CUSTOM_MODELS}/{in_path(model_id)}"


def _left_behind(model_id: str, why: Problem) -> Problem:
    detail = f"{model_id} is still registered, inactive, because it could not be removed: {why.detail}"
    return Problem(why.error_type, detail, (f"Remove it: tallygate models remove {model_id}", *why.tips))
