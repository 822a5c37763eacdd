"""The models that may be called: what the gateway registers and the router reads. Values, and one cached reader."""

from shared.registry.models import Capabilities, Model, Price
from shared.registry.providers import ProviderModels, ProviderSettings
from shared.registry.references import canonical_reference
from shared.registry.registry import Registry, TenantModels
from shared.registry.terms import Terms

__all__ = [
    "Capabilities",
    "Model",
    "Price",
    "ProviderModels",
    "ProviderSettings",
    "Registry",
    "TenantModels",
    "Terms",
    "canonical_reference",
]
