"""The OpenAPI document of the gateway, made from its routes: docs/openapi.json and GET /openapi.json."""

import inspect
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode
from starlette.routing import BaseRoute, Route

from services.gateway.answers.anthropic import CountedTokens
from services.gateway.answers.monitoring import BackgroundAccepted
from services.gateway.answers.service import Alive, Ready
from services.gateway.headers import ANSWER_HEADERS, REQUEST_HEADERS, Header, Surface, surface_of
from services.gateway.routes.documented import Documented, documented_of
from services.gateway.tenants.schemas import PlanId
from shared.errors import CATALOGUE
from shared.errors.render import AnthropicError, OpenAIError, Problem
from shared.events.bounds import Session
from shared.events.envelope import TenantId

_ERRORS: dict[Surface, tuple[str, Any]] = {
    "openai": ("application/json", OpenAIError),
    "anthropic": ("application/json", AnthropicError),
    "own": ("application/problem+json", Problem),
}
# Others are any text.
_PATHS: dict[str, dict[str, Any]] = {
    "inference_id": {"type": "string", "format": "uuid"},
    "feature_id": {"type": "string", "format": "uuid"},
    "tenant_id": TypeAdapter(TenantId).json_schema(),
    "plan_id": TypeAdapter(PlanId).json_schema(),
    "session": TypeAdapter(Session).json_schema(),
}
_HEALTH = {
    "/healthz": Documented(gives={200: Alive}, keyed=False),
    "/readyz": Documented(gives={200: Ready, 503: Ready}, keyed=False),
    "/metrics": Documented(gives={200: str}, keyed=False),
}
_WHY = {
    400: "The request is not valid; the error names the field",
    401: "The API key is missing, unknown or revoked",
    402: "The tenant's budget is used up",
    403: "The API key may not do this",
    404: "There is no such thing, or it belongs to another tenant",
    408: "The body did not come in time",
    409: "Not as things stand: it is there already, has ended, or a quota is reached",
    413: "The body is too large",
    415: "The body is said to be in another form than is taken, or to be compressed",
    422: "The Idempotency-Key was sent before with another body",
    429: "The tenant sends too much at a time",
    500: "The gateway failed; its log says why",
    503: "Not at the moment; retry-after says when to try again",
}
_SUCCESS = {200: "Done", 201: "Made", 202: "Accepted", 204: "Done; there is nothing more to say"}
_SCHEMES = {
    "ApiKey": {"type": "http", "scheme": "bearer", "description": "A key made by: tallygate keys create"},
    "ApiKeyHeader": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same key"},
}


class _Operation(NamedTuple):
    path: str
    method: str
    route: Route
    of: Documented

    @property
    def surface(self) -> Surface:
        return surface_of(self.path)


class _Schemas:
    """JSON schemas of types; what several have in common lies below `components`."""

    def __init__(self, kinds: Iterable[tuple[Any, JsonSchemaMode]]) -> None:
        inputs = [(kind, mode, TypeAdapter(kind)) for kind, mode in dict.fromkeys(kinds)]
        template = "#/components/schemas/{model}"
        self._found, common = TypeAdapter.json_schemas(inputs, ref_template=template)
        self.components: dict[str, Any] = common.get("$defs", {})

    def taken(self, kind: Any) -> dict[str, Any]:
        return self._found[kind, "validation"]

    def given(self, kind: Any) -> dict[str, Any]:
        return self._found[kind, "serialization"]


def openapi(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """Raises KeyError for a route that is not documented."""
    operations = [
        _Operation(route.path_format, method.lower(), route, _HEALTH.get(route.path) or documented_of(route.endpoint))
        for route in routes
        if isinstance(route, Route) and route.include_in_schema
        for method in sorted(route.methods or ())
        if method != "HEAD"
    ]
    schemas = _Schemas(kind for operation in operations for kind in _kinds(operation))
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tallygate gateway",
            "version": "0.1.0",
            "description": "A gateway to language models whose books balance.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "headers": {header.name: _shown(header) for header in ANSWER_HEADERS if "," not in header.name},
            "responses": _errors(operations, schemas),
            "parameters": {header.name: _parameter(header) for header in REQUEST_HEADERS},
            "securitySchemes": _SCHEMES,
        },
    }


def _kinds(operation: _Operation) -> Iterable[tuple[Any, JsonSchemaMode]]:
    of = operation.of
    yield from ((kind, "validation") for kind in (of.takes, of.takes_form, of.query) if kind is not None)
    given = (*of.gives.values(), of.fails_as, _ERRORS[operation.surface][1])
    yield from ((kind, "serialization") for kind in given if kind is not None)


def _operation(operation: _Operation, schemas: _Schemas) -> dict[str, Any]:
    route, of = operation.route, operation.of
    words = inspect.getdoc(route.endpoint) if route.path not in _HEALTH else None
    shown: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.name.replace("_", " ").capitalize(),
        "tags": list(getattr(route, "tags", ["health"])),
    }
    if words:
        shown["description"] = words
    shown["parameters"] = [*_in_path(operation.path), *_in_query(of.query, schemas), *_in_head(operation)]
    if (taken := of.takes or of.takes_form) is not None:
        needed = any(known.is_required() for known in taken.model_fields.values())
        media_type = "application/json" if of.takes else "multipart/form-data"
        content = {media_type: {"schema": schemas.taken(taken)}}
        shown["requestBody"] = {"required": needed, "content": content}
    shown["responses"] = _responses(operation, schemas)
    shown["security"] = [{name: []} for name in _SCHEMES] if of.keyed else []
    return shown


def _in_path(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _PATHS.get(name, {"type": "string", "minLength": 1})}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _in_query(query: type[BaseModel] | None, schemas: _Schemas) -> list[dict[str, Any]]:
    if query is None:
        return []
    schema = schemas.taken(query)
    if "$ref" in schema:
        schema = schemas.components[schema["$ref"].rpartition("/")[2]]
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _of_query(field)}
        for name, field in schema["properties"].items()
    ]


def _of_query(field: dict[str, Any]) -> dict[str, Any]:
    """Text: what is null in a model is left out of a query."""
    branches = [branch for branch in field.get("anyOf", ()) if branch != {"type": "null"}]
    return {name: value for name, value in field.items() if name not in ("anyOf", "default", "title")} | (
        branches[0] if branches else {}
    )


def _in_head(operation: _Operation) -> list[dict[str, Any]]:
    taken = {"all"} | ({"inference"} if operation.of.infers else set())
    taken |= {"asked"} if operation.of.infers == "asked" else set()
    return [{"$ref": f"#/components/parameters/{header.name}"} for header in REQUEST_HEADERS if header.of in taken]


def _responses(operation: _Operation, schemas: _Schemas) -> dict[str, Any]:
    of, said = operation.of, {"all", operation.surface}
    said |= {"keyed"} if of.keyed and operation.surface != "anthropic" else set()
    said |= {"inference"} if of.infers else set()
    said |= {"counted"} if CountedTokens in of.gives.values() else set()
    said |= {"begun"} if BackgroundAccepted in of.gives.values() else set()
    found = {
        str(status): {
            "description": _SUCCESS.get(status, _WHY.get(status)),
            "headers": _headers(said),
            **_content(of, status, kind, schemas),
        }
        for status, kind in of.gives.items()
    }
    for status in of.failing(operation.path):
        found[str(status)] = {"$ref": f"#/components/responses/{_error_name(operation, status)}"}
    return dict(sorted(found.items()))


def _error_name(operation: _Operation, status: int) -> str:
    """What operations have in common: errors differ by the surface, and by whether a model was asked."""
    form = "Feature" if operation.of.fails_as else ""
    return f"{operation.surface}{form}{'Inference' if operation.of.infers else ''}{status}"


def _errors(operations: Iterable[_Operation], schemas: _Schemas) -> dict[str, Any]:
    return {
        _error_name(operation, status): _error(operation, status, schemas)
        for operation in operations
        for status in operation.of.failing(operation.path)
    }


def _error(operation: _Operation, status: int, schemas: _Schemas) -> dict[str, Any]:
    of, (media_type, error) = operation.of, _ERRORS[operation.surface]
    content = {media_type: {"schema": schemas.given(error)}}
    if of.fails_as is not None:
        content["application/json"] = {"schema": schemas.given(of.fails_as)}
    said = {"all", "error", operation.surface} | ({"inference"} if of.infers else set())
    said |= {"keyed"} if status != 401 and operation.surface != "anthropic" else set()
    return {"description": _why(status, of), "headers": _headers(said), "content": content}


def _content(of: Documented, status: int, kind: Any, schemas: _Schemas) -> dict[str, Any]:
    if kind is None:
        return {}
    texts = ("text/plain",) if kind is str and not of.streams else of.streams if status == 200 else ()
    content: dict[str, Any] = {media_type: {} for media_type in texts}
    return {"content": content if kind is str else {"application/json": {"schema": schemas.given(kind)}} | content}


def _why(status: int, of: Documented) -> str:
    """Of what infers, the types too that have the status."""
    said = [_WHY[status]] if status in _WHY else []
    if of.infers or not said:
        types = [f"`{name}`" for name, kind in CATALOGUE.items() if kind.http_status == status]
        said += [", ".join(types)] if types else []
    return ": ".join(said)


def _headers(said: set[str]) -> dict[str, Any]:
    return {
        header.name: {"$ref": f"#/components/headers/{header.name}"}
        for header in ANSWER_HEADERS
        if header.of in said and "," not in header.name
    }


def _shown(header: Header) -> dict[str, Any]:
    return {"description": header.says, "required": header.of == "all", "schema": dict(header.schema)}


def _parameter(header: Header) -> dict[str, Any]:
    return {
        "name": header.name, "in": "header", "required": False, "description": header.says,
        "schema": dict(header.schema),
    }  # fmt: skip
