"""The definition of a custom model: fields and their limits, in requests and in files alike."""

from collections.abc import Collection
from typing import Annotated, Any, Literal, get_args

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from shared.errors import TallygateError
from shared.events.bounds import Integral
from shared.guard.urls import check_url
from shared.registry.headers import is_of_the_transport
from shared.registry.health import HealthRule, Probing
from shared.registry.models import MAX_USD_PER_MTOK, MOST_TIMEOUT_S, Capabilities, Price
from shared.registry.references import AUTO
from shared.wire import WireFormat, base_url

Protocol = Literal["openai-compatible", "anthropic-compatible"]
WIRE_FORMATS: dict[Protocol, WireFormat] = {"openai-compatible": "openai", "anthropic-compatible": "anthropic"}
PROTOCOLS: dict[str, Protocol] = {wire: protocol for protocol, wire in WIRE_FORMATS.items()}

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
# A router keeps all models of all tenants in memory.
_MAX_CONFIG_BYTES, _MAX_CONFIG_DEPTH = 32_768, 20
_MAX_HEADERS, _MAX_HEADERS_BYTES = 30, 16_384
_MAX_MODEL_CHARS = 500

_RESERVED_IDS = {"monitoring", AUTO}  # a path, and a word with a meaning


def _not_reserved(model_id: str) -> str:
    if model_id in _RESERVED_IDS:
        raise PydanticCustomError("reserved", "this id is reserved; choose another one")
    return model_id


def _not_of_the_transport(name: str) -> str:
    if is_of_the_transport(name):
        raise PydanticCustomError("reserved", "this header is written by Tallygate itself and cannot be given")
    return name


def _storable(config: dict[str, Any]) -> dict[str, Any]:
    model = config.get("model")
    if model is not None and not (isinstance(model, str) and 0 < len(model) <= _MAX_MODEL_CHARS):
        raise PydanticCustomError(
            "config",
            "config.model must be the model's name at the endpoint, of at most {most} characters",
            {"most": _MAX_MODEL_CHARS},
        )
    if depth(config) > _MAX_CONFIG_DEPTH or len(orjson.dumps(config)) > _MAX_CONFIG_BYTES:
        raise PydanticCustomError(
            "config",
            "config must have at most {most} bytes as JSON, and {deep} levels",
            {"most": _MAX_CONFIG_BYTES, "deep": _MAX_CONFIG_DEPTH},
        )
    if "\x00" in repr_text(config):
        raise PydanticCustomError("config", "config must not contain NUL characters")
    return config


def _few(headers: dict[str, str]) -> dict[str, str]:
    size = sum(len(name) + len(value) for name, value in headers.items())
    if size > _MAX_HEADERS_BYTES:
        raise PydanticCustomError(
            "headers", "all headers together may have at most {most} bytes", {"most": _MAX_HEADERS_BYTES}
        )
    return headers


def _of_this_world(price: Price) -> Price:
    if max(rate for _, rate in price if rate is not None) > MAX_USD_PER_MTOK:
        raise PydanticCustomError("price", "a price must be at most {most} USD", {"most": MAX_USD_PER_MTOK})
    return price


# For the documents; `check_url` says more exactly what it takes.
_OCTET, _LABEL = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])", "[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"({_LABEL}(\.{_LABEL})*|[1-9][0-9]?(\.{_OCTET}){{3}}|\[[0-9A-Fa-f:]+\])"
URL_PATTERN = rf"^[Hh][Tt][Tt][Pp][Ss]?://{_HOST}(:[1-9][0-9]{{0,3}})?(/[A-Za-z0-9._~-]*)*(\?[a-z-]+=[A-Za-z0-9._-]+)?$"

# PostgreSQL cannot store NUL in text.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=2000)]
ModelId = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=100), AfterValidator(_not_reserved)]
EndpointUrl = Annotated[
    str, StringConstraints(max_length=2000), Field(json_schema_extra={"format": "uri", "pattern": URL_PATTERN})
]
Secret = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=4096)]
HeaderName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", max_length=100),
    AfterValidator(_not_of_the_transport),
]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]*$", max_length=4096)]
Config = Annotated[dict[str, Any], Field(max_length=1000), AfterValidator(_storable)]
Headers = Annotated[
    dict[HeaderName, HeaderValue],
    Field(max_length=_MAX_HEADERS, json_schema_extra={"additionalProperties": False}),
    AfterValidator(_few),
]
SecretField = Literal["api_key", "headers"]
SECRET_FIELDS: tuple[SecretField, ...] = get_args(SecretField)


class ModelFields(BaseModel):
    """The fields that every model has and that are shown again; named as the stored columns are."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())

    model_name: Text | None = None
    description: Text = ""
    config: Config = {}
    capabilities: Capabilities = Capabilities()
    context_window: Annotated[int, Field(ge=1, le=2**31 - 1), Integral] | None = None
    max_concurrency: Annotated[int, Field(ge=1, le=100_000), Integral] | None = None
    price: Annotated[Price, AfterValidator(_of_this_world)] | None = None
    timeout_s: float | None = Field(default=None, gt=0, le=MOST_TIMEOUT_S)
    first_chunk_timeout_s: float | None = Field(default=None, gt=0, le=MOST_TIMEOUT_S)
    idle_timeout_s: float | None = Field(default=None, gt=0, le=MOST_TIMEOUT_S)
    weight: Annotated[int, Field(ge=0, le=1_000_000), Integral] | None = None
    health: HealthRule | None = None
    probe: Probing | None = None
    is_active: bool = True


def checked_base(endpoint_url: str, wire_format: WireFormat) -> str:
    """The base URL. Raises TallygateError invalid_request when this is no URL of an endpoint."""
    base = base_url(endpoint_url, wire_format)
    for url in (endpoint_url.strip(), base):  # the path that is cut off may have been the host
        check_url(url)
    return base


def unsaid_secrets(
    before: str, after: str, stored: Collection[SecretField], named: Collection[str]
) -> tuple[SecretField, ...]:
    """The stored secrets that would go to another server although the change does not name them.

    A caller that may change a model may not read its secrets, so it must not be able to have them sent elsewhere.
    """
    if _same_server(before, after):
        return ()
    return tuple(name for name in SECRET_FIELDS if name in stored and name not in named)


def _same_server(before: str, after: str) -> bool:
    try:
        return check_url(before) == check_url(after)
    except TallygateError:
        return False


def depth(value: object) -> int:
    """Of a JSON value: how many objects and lists lie within each other."""
    if not isinstance(value, dict | list):
        return 0
    return 1 + max((depth(item) for item in (value.values() if isinstance(value, dict) else value)), default=0)


def repr_text(value: object) -> str:
    """All strings of a JSON value, joined: for checks on what they contain."""
    if isinstance(value, dict):
        return "".join(repr_text(key) + repr_text(item) for key, item in value.items())
    if isinstance(value, list):
        return "".join(map(repr_text, value))
    return value if isinstance(value, str) else ""
