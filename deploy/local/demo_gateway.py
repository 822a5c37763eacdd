"""What the demos ask of the gateway, and the sentence when something is not as it should be."""

from rich.console import Console

from deploy.local.failure import LocalRunError
from shared.client import Answer, Client, Problem, ProblemError
from shared.client.requests import CHAT, CUSTOM_MODELS, KEYS, chat_body, model_body

TIMEOUT_S = 300.0


def new_tenant(admin: Client, tenant: str) -> Client:
    """The same gateway with a key for `tenant`; needs an admin key."""
    return Client(admin.url, str(admin.post(KEYS, {"tenant": tenant}).body["key"]))


def add_model(gateway: Client, model_id: str, endpoint_url: str, **more: object) -> None:
    gateway.post(CUSTOM_MODELS, model_body(model_id, endpoint_url, **more))


def chat(gateway: Client, model: str, text: str, **more: object) -> Answer:
    """Whatever its status: some are to fail."""
    return gateway.send("POST", CHAT, chat_body(model, text, **more), TIMEOUT_S)


def show_stream(console: Console, gateway: Client, model: str, text: str, **more: object) -> Problem | None:
    """Shows the answer as it comes; what the gateway refused or told in the middle of it, if anything."""
    try:
        with gateway.stream(CHAT, chat_body(model, text, stream=True, **more)) as chunks:
            for chunk in chunks:
                for choice in chunk["choices"]:
                    console.print(choice["delta"].get("content") or "", style="green", end="", markup=False)
    except ProblemError as error:
        return error.problem
    finally:
        console.print()
    return None


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise LocalRunError(otherwise)
