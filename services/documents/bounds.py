"""The bounds of the fields of a model, read from its JSON schema."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

Schema = Mapping[str, Any]

_LEAST, _MOST = ("minimum", "exclusiveMinimum", "formatMinimum"), ("maximum", "exclusiveMaximum", "formatMaximum")
_WORDS = {"minimum": "at least {}", "exclusiveMinimum": "more than {}", "formatMinimum": "from {}",
          "maximum": "at most {}", "exclusiveMaximum": "less than {}", "formatMaximum": "to {}"}  # fmt: skip
_FREE = "any JSON"
_FIXED_FORMATS = {"uuid", "uuid7", "password"}


class Bound(NamedTuple):
    """bounded: False for what may be as large as what it is in."""

    field: str
    words: str
    bounded: bool = True


def bounds_of(model: type[BaseModel]) -> list[Bound]:
    """Of every field, nested ones included, in the order of the model. `[]` is each entry of a list."""
    schema = model.model_json_schema()
    return list(_of_properties(schema, "", schema.get("$defs", {})))


def _of_properties(schema: Schema, where: str, defs: Schema) -> Iterator[Bound]:
    for name, inner in schema.get("properties", {}).items():
        yield from _of(inner, f"{where}.{name}".removeprefix("."), defs)


def _of(schema: Schema, where: str, defs: Schema) -> Iterator[Bound]:
    if "$ref" in schema:
        yield from _of(defs[schema["$ref"].rpartition("/")[2]], where, defs)
    elif branches := [*schema.get("anyOf", ()), *schema.get("allOf", ())]:
        for branch in branches:
            if branch.get("type") != "null":
                yield from _of(branch, where, defs)
    elif choices := schema.get("enum", [schema["const"]] if "const" in schema else []):
        yield Bound(where, f"one of {len(choices)} words" if len(choices) > 6 else ", ".join(f"`{c}`" for c in choices))
    else:
        yield from _of_type(schema, where, defs)


def _of_type(schema: Schema, where: str, defs: Schema) -> Iterator[Bound]:
    match schema.get("type"):
        case "string":
            yield _of_text(schema, where)
        case "integer" | "number":
            ends = [name for names in (_LEAST, _MOST) for name in names if name in schema]
            yield Bound(where, _range(schema, ends), len(ends) == 2)
        case "array" if "prefixItems" in schema:
            for place, inner in enumerate(schema["prefixItems"]):
                yield from _of(inner, f"{where}[{place}]", defs)
        case "array":
            yield Bound(where, f"at most {schema.get('maxItems')} entries", "maxItems" in schema)
            yield from _of(schema.get("items", {}), f"{where}[]", defs)
        case "object" if "properties" in schema:
            yield from _of_properties(schema, where, defs)
        case "object":
            yield Bound(where, f"at most {schema.get('maxProperties')} entries", "maxProperties" in schema)
            inner = schema.get("additionalProperties")
            yield from _of(inner, f"{where}.*", defs) if isinstance(inner, dict) else (Bound(f"{where}.*", _FREE),)
        case "boolean":
            yield Bound(where, "true, false")
        case _:
            yield Bound(where, _FREE, bounded=False)


def _of_text(schema: Schema, where: str) -> Bound:
    kind = schema.get("format", "")
    if kind.startswith("date"):
        ends = [name for names in (_LEAST, _MOST) for name in names if name in schema]
        return Bound(where, f"{kind}, {_range(schema, ends)}", len(ends) == 2)
    if kind in _FIXED_FORMATS:
        return Bound(where, kind)
    return Bound(where, f"at most {schema.get('maxLength', 0):,} characters", "maxLength" in schema)


def _range(schema: Schema, ends: list[str]) -> str:
    return ", ".join(_WORDS[name].format(_number(schema[name])) for name in ends)


def _number(value: object) -> str:
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer() and abs(value) < 1e9):
        return f"{int(value):,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
