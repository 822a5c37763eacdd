"""OpenAPI for routes that read their body themselves (once, as bytes)."""

from typing import Any

from pydantic import BaseModel


def takes(kind: type[BaseModel]) -> dict[str, Any]:
    schema = kind.model_json_schema(ref_template="#/components/schemas/{model}")
    # FastAPI does not collect the definitions of a schema that is given by hand, so references are replaced by them.
    definitions = schema.pop("$defs", {})
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _inlined(schema, definitions)}},
        },
        "security": [{"ApiKey": []}],
    }


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items()}


AUTHENTICATED: dict[str, Any] = {"security": [{"ApiKey": []}]}
