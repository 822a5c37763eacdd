"""What the commands ask of the gateway to get a model to work."""

from typing import Any

from services.cli.output import err
from services.cli.step_views import steps_text
from shared.client import COMPLETION_TIMEOUT_S, Client, Problem, ProblemError, in_path
from shared.client.requests import CANCELS, CUSTOM_MODELS


def set_up(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    """The gateway probes, tries and stores, or leaves nothing. Raises ProblemError with the steps."""
    with err().status(f"Setting up {body['model_id']}: its endpoint, then one real completion ..."):
        done: dict[str, Any] = client.post("/api/models/setup", body, COMPLETION_TIMEOUT_S, CANCELS).body
    return done


def register(client: Client, body: dict[str, Any], *, is_active: bool) -> dict[str, Any]:
    """Stores the model without trying it."""
    created: dict[str, Any] = client.post(CUSTOM_MODELS, body | {"is_active": is_active}).body
    return created


def probe(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    """Shows each step as it ends."""
    found: dict[str, Any] = {}
    with err().status(f"Probing {body['endpoint_url']} ...") as status:
        for line in client.lines("/api/models/probe", body):
            if "step" in line:
                status.console.print(steps_text([line]), end="")
            else:
                found = line
    if not found:
        raise ProblemError(Problem("stream_broken", "the gateway's answer broke off; its log may say why"))
    return found


def try_model(client: Client, model_id: str, message: str | None = None) -> dict[str, Any]:
    body = {} if message is None else {"message": message}
    with err().status(f"Asking {model_id} ..."):
        tested: dict[str, Any] = client.post(f"{model_path(model_id)}/test", body, COMPLETION_TIMEOUT_S).body
    return tested


def presets(client: Client) -> list[dict[str, Any]]:
    known: list[dict[str, Any]] = client.get("/api/models/presets").body["presets"]
    return known


def model_path(model_id: str) -> str:
    return f"{CUSTOM_MODELS}/{in_path(model_id)}"
