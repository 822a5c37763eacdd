import orjson
import pytest

from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, seal
from shared.crypto.keys import new_key
from shared.registry.secrets import ModelSecrets, open_secrets
from tests.unit.shared.registry.test_models import model

RING = KeyRing.parse(new_key())
KEY = seal(RING, SealedContext("acme", "model_api_key", "m"), b"opensesame")
HEADERS = seal(RING, SealedContext("acme", "model_headers", "m"), orjson.dumps({"X-Team": "blue"}))


def test_a_custom_models_secrets_are_opened_for_its_tenant() -> None:
    secrets = open_secrets(RING, model(tenant_id="acme", sealed_api_key=KEY, sealed_headers=HEADERS))
    assert secrets == ModelSecrets("opensesame", {"x-team": "blue"})


def test_headers_of_the_transport_are_not_sent_though_they_were_stored() -> None:
    stored = orjson.dumps({"X-Team": "blue", "Content-Length": "4", "Transfer-Encoding": "chunked", "proxy-x": "y"})
    sealed = seal(RING, SealedContext("acme", "model_headers", "m"), stored)
    assert open_secrets(RING, model(tenant_id="acme", sealed_headers=sealed)).headers == {"x-team": "blue"}


def test_a_model_without_secrets_has_none() -> None:
    assert open_secrets(RING, model()) == ModelSecrets(None, {})


def test_a_provider_model_uses_the_deployments_key() -> None:
    assert open_secrets(RING, model(id="openai:m", plain_api_key="plain")) == ModelSecrets("plain", {})


@pytest.mark.parametrize("stolen", [{"tenant_id": "other"}, {"tenant_id": "acme", "id": "custom:other"}])
def test_a_secret_does_not_open_for_another_tenant_or_model(stolen: dict[str, object]) -> None:
    with pytest.raises(UnreadableSecretError):
        open_secrets(RING, model(**{"sealed_api_key": KEY} | stolen))


def test_key_and_long_header_values_are_to_be_redacted() -> None:
    secrets = ModelSecrets("k", {"x-secret": "8letters", "x-env": "7letter"})
    assert set(secrets.to_redact) == {"k", "8letters"}


def test_an_opened_secret_is_not_shown() -> None:
    assert "opensesame" not in repr(ModelSecrets("opensesame", {"x-secret": "opensesame"}))


def test_a_header_value_is_redacted_without_its_scheme_too() -> None:
    assert set(ModelSecrets(None, {"authorization": "Token longvalue"}).to_redact) == {"Token longvalue", "longvalue"}
