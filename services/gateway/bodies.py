"""JSON bodies: bytes in, values out, or which field is wrong and how; never what was sent."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from shared.errors import TallygateError

BodyModel = TypeVar("BodyModel", bound=BaseModel)

# The most that TALLYGATE_MAX_BODY_BYTES can be: what is sealed and in base64 must fit a record.
MOST_BODY_BYTES = 3_800_000

# No larger than the body that it is in.
BodyText = Annotated[str, StringConstraints(max_length=MOST_BODY_BYTES)]
MOST_MEMBERS = 10_000
JsonObject = Annotated[dict[str, Any], Field(max_length=MOST_MEMBERS)]


_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Query(BaseModel):
    """What `/api` takes in a query, as text: a field that is not known is refused."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class StrictBody(BaseModel):
    """What `/api` takes: a field that is not known, or of another type, is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())


class InvalidBodyError(TallygateError):
    """The body is not what the route takes; `param` is the first field that is wrong."""

    def __init__(self, detail: str, param: str | None = None) -> None:
        super().__init__("invalid_request", detail)
        self.param = param


def parse_json(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. NaN, Infinity and unpaired surrogates are not JSON."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidBodyError(f"the body is not valid JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise InvalidBodyError("the body must be a JSON object")
    written_json(parsed)  # orjson reads deeper nesting than it writes, and it has to be written again for the model
    return parsed


def written_json(body: dict[str, Any]) -> bytes:
    """Raises InvalidBodyError for what is nested too deeply to be written."""
    try:
        return orjson.dumps(body)
    except TypeError:
        raise InvalidBodyError("the body is nested too deeply") from None


def validated(kind: type[BodyModel], fields: dict[str, Any]) -> BodyModel:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise _invalid(error) from None


def parsed(kind: type[BodyModel], body: bytes) -> BodyModel:
    """An empty body is an empty object. Raises InvalidBodyError."""
    return validated(kind, parse_json(body or b"{}"))


def flag(headers: Mapping[str, str], name: str) -> bool | None:
    """What a header says that is true or false. None: it is not there. Raises InvalidBodyError."""
    text = headers.get(name)
    if text is None:
        return None
    if text.lower() not in _FLAGS:
        raise InvalidBodyError(f"header {name} must be true or false", name)
    return _FLAGS[text.lower()]


def _invalid(error: ValidationError) -> InvalidBodyError:
    """Names up to three fields and what is wrong with each; never repeats what was sent."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    fields = [(_param(problem["loc"]), problem["msg"]) for problem in found[:3]]
    more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
    return InvalidBodyError("; ".join(f"{name}: {wrong}" for name, wrong in fields) + more, fields[0][0])


def _param(place: tuple[int | str, ...]) -> str:
    """`messages[0].content`, as OpenAI writes it. pydantic also names the branch of a union, as if it were a field."""
    path = ""
    for part in place:
        if isinstance(part, int):
            path += f"[{part}]"
        elif "[" not in part and part not in {"str", "constrained-str", "CodebaseFile"}:
            path += f".{part}"
    return path.removeprefix(".")
