"""Bodies about custom models."""

from typing import Annotated

from pydantic import StringConstraints

from services.gateway.bodies import StrictBody
from shared.registry.definition import (
    EndpointUrl,
    Headers,
    ModelFields,
    ModelId,
    Protocol,
    Secret,
    Text,
)


class _ModelBody(ModelFields):
    """What create, change and setup have in common. api_key and headers: None is none."""

    api_key: Secret | None = None
    headers: Headers | None = None


class CustomModelCreate(_ModelBody):
    """POST /api/models/custom."""

    model_id: ModelId
    endpoint_url: EndpointUrl
    provider: Protocol


class CustomModelChange(_ModelBody):
    """PATCH: only what is sent is changed; api_key null removes the key. if_updated_at: the `updated_at` of the state
    that the change was made from; when it is another one by now, nothing is changed (409)."""

    if_updated_at: Text | None = None
    endpoint_url: EndpointUrl | None = None
    provider: Protocol | None = None


class ModelProbe(StrictBody):
    """POST /api/models/probe. `provider` is found out when it is left out; `model` is a name at the endpoint."""

    endpoint_url: EndpointUrl
    provider: Protocol | None = None
    api_key: Secret | None = None
    headers: Headers | None = None
    model: Text | None = None


class ModelSetup(_ModelBody):
    """POST /api/models/setup: as CustomModelCreate, but `provider` is found out when it is left out.

    So are context_window and price; null leaves them empty.
    """

    model_id: ModelId
    endpoint_url: EndpointUrl
    provider: Protocol | None = None


class ModelTest(StrictBody):
    """POST /api/models/custom/{id}/test; the body may be left out."""

    message: Annotated[str, StringConstraints(min_length=1, max_length=2000)] = "Reply with one word: ready."
