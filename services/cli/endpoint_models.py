"""Which models an endpoint says it has: a help for the wizard, never a condition."""

from services.cli.client import Client
from services.cli.model_form import ModelForm, Provider
from services.cli.problem import ProblemError
from shared.registry.models import WireFormat, base_url

_TIMEOUT_S = 4.0
_ANTHROPIC_VERSION = "2023-06-01"


def models_at_endpoint(form: ModelForm) -> list[str]:
    """Their names, empty when the endpoint does not tell. It may be reachable from the router and not from here."""
    wire_format: WireFormat = "anthropic" if form.provider is Provider.ANTHROPIC else "openai"
    try:
        client = Client(base_url(form.endpoint_url or "", wire_format), headers=_headers(form))
        told = client.get("/models", _TIMEOUT_S).body
    except (ProblemError, ValueError):
        return []
    listed = told.get("data") if isinstance(told, dict) else None
    entries = listed if isinstance(listed, list) else []
    return sorted({str(one["id"]) for one in entries if isinstance(one, dict) and one.get("id")})


def _headers(form: ModelForm) -> dict[str, str]:
    if form.provider is Provider.ANTHROPIC:
        version = {"anthropic-version": _ANTHROPIC_VERSION}
        return version | ({"x-api-key": form.api_key} if form.api_key else {})
    return {"Authorization": f"Bearer {form.api_key}"} if form.api_key else {}
