"""What the demos ask of the gateway, and the sentence when something is not as it should be."""

from deploy.local.failure import LocalRunError
from shared.client import Answer, Client
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


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise LocalRunError(otherwise)
