from shared.registry import TenantModels
from tests.unit.shared.registry.test_models import model

CUSTOM, PROVIDER = model(id="custom:m"), model(id="openai:m")


def test_a_model_is_found_by_its_id_whatever_its_kind() -> None:
    models = TenantModels(1, {"custom:m": CUSTOM}, {"openai:m": PROVIDER})
    assert models.get("custom:m") is CUSTOM
    assert models.get("openai:m") is PROVIDER
    assert models.get("m") is None
