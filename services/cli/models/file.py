"""A file of models: what it may hold; every mistake is reported by line, model and field before anything is done."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from services.cli.problem import refused
from shared.client import ProblemError
from shared.errors import TallygateError
from shared.registry.definition import (
    WIRE_FORMATS,
    EndpointUrl,
    HeaderName,
    ModelFields,
    ModelId,
    Protocol,
    checked_base,
)

_MAX_TOLD = 10
_WRITE_SECRETS = "write secrets by reference: {env: NAME} or {file: path}"


class Reference(BaseModel):
    """Where a secret is: in an environment variable, or in a file beside this one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    env: Annotated[str, StringConstraints(min_length=1)] | None = None
    file: Annotated[str, StringConstraints(min_length=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_literal(cls, given: object) -> object:
        if not isinstance(given, dict):
            raise ValueError(f"a secret does not belong into this file; {_WRITE_SECRETS}")  # noqa: TRY004 - for pydantic
        return given

    @model_validator(mode="after")
    def _one_of_them(self) -> "Reference":
        if (self.env is None) == (self.file is None):
            raise ValueError(f"one of env and file is needed; {_WRITE_SECRETS}")
        return self


class ModelEntry(ModelFields):
    """The fields of POST /api/models/custom. A field that is left out stays as it is on a model that is there."""

    model_config = ConfigDict(strict=True)

    model_id: ModelId
    provider: Protocol
    endpoint_url: EndpointUrl
    api_key: Reference | None = None
    headers: dict[HeaderName, Reference] | None = None

    @field_validator("endpoint_url")
    @classmethod
    def _leads_somewhere(cls, endpoint_url: str, others: ValidationInfo) -> str:
        protocol: Protocol = others.data.get("provider", "openai-compatible")
        try:
            checked_base(endpoint_url, WIRE_FORMATS[protocol])
        except TallygateError as error:
            raise ValueError(error.failure.detail.removeprefix("endpoint_url").lstrip(": ")) from None
        return endpoint_url

    @field_validator("config", mode="before")
    @classmethod
    def _as_json(cls, config: object) -> object:
        """YAML knows more than JSON does, dates for example. What comes out is what the gateway will read."""
        try:
            return json.loads(json.dumps(config, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            raise ValueError("it must hold only what JSON knows; write dates in quotes") from None

    @property
    def secrets(self) -> dict[str, Reference]:
        """By field: api_key, headers.<name>."""
        own = {"api_key": self.api_key} if self.api_key else {}
        return own | {f"headers.{name}": reference for name, reference in (self.headers or {}).items()}


class ModelsFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    models: list[ModelEntry]


def read_models_file(path: Path) -> list[ModelEntry]:
    """Raises ProblemError that names every mistake."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise refused(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
    return parse_models_file(text, str(path))


def parse_models_file(text: str, name: str) -> list[ModelEntry]:
    """`name`: of the file, in messages. Raises ProblemError that names every mistake."""
    root, data = _parsed(text, name)
    mistakes = [f"{name}:{line}: {mistake}" for line, mistake in _twice(root, set())]
    try:
        models = ModelsFile.model_validate(data).models
    except ValidationError as error:
        raise _mistaken([*mistakes, *_mistakes_of(error, data, root, name)], name) from None
    if mistakes := [*mistakes, *_same_ids(models, root, name)]:
        raise _mistaken(mistakes, name)
    return models


def _parsed(text: str, name: str) -> tuple[yaml.Node | None, object]:
    """The nodes, which know their lines, and the data."""
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        return root, loader.construct_document(root) if root is not None else None
    except yaml.MarkedYAMLError as error:
        # Without its snippet of the text, which may be a secret.
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise refused(f"{name}:{line}: it is not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise refused(f"{name} is not YAML: {' '.join(str(error).split())}") from None


def _mistaken(mistakes: list[str], name: str) -> ProblemError:
    more = [f"... and {len(mistakes) - _MAX_TOLD} more"] if len(mistakes) > _MAX_TOLD else []
    detail = f"{name} has {len(mistakes)} mistake{'' if len(mistakes) == 1 else 's'}; nothing was changed"
    return refused(detail, *mistakes[:_MAX_TOLD], *more)


def _mistakes_of(error: ValidationError, data: object, root: yaml.Node | None, name: str) -> Iterator[str]:
    """Without the values in the file: they may be secrets."""
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        place = [part for part in problem["loc"] if part != "dict"]
        mistake = problem["msg"].removeprefix("Value error, ")
        yield f"{name}:{_line(root, place)}: {_where(place, data)}: {mistake}"


def _where(place: list[int | str], data: object) -> str:
    """`my-model: price.input_per_mtok_usd`, by the id where it can be read."""
    if len(place) < 2 or not isinstance(place[1], int) or not isinstance(data, dict):
        return ".".join(map(str, place)) or "the file"
    entry = data["models"][place[1]]
    known = entry.get("model_id") if isinstance(entry, dict) else None
    model = known if isinstance(known, str) else f"model {place[1] + 1}"
    return ": ".join(filter(None, (model, ".".join(map(str, place[2:])))))


def _line(root: yaml.Node | None, place: list[int | str]) -> int:
    """The line of the place, or of the nearest that is there."""
    node = root
    for part in place:
        below = _below(node, part)
        if below is None:
            break
        node = below
    return node.start_mark.line + 1 if node is not None else 1


def _below(node: yaml.Node | None, part: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        found: yaml.Node = node.value[part]
        return found
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    return None


def _twice(node: yaml.Node | None, seen: set[int]) -> Iterator[tuple[int, str]]:
    """Fields that are given twice, with their lines; YAML would silently take the last."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _twice(item, seen)
    if isinstance(node, yaml.MappingNode):
        fields: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in fields:
                    yield key.start_mark.line + 1, f"{key.value} stands there twice"
                fields.add(key.value)
            yield from _twice(value, seen)


def _same_ids(models: list[ModelEntry], root: yaml.Node | None, name: str) -> Iterator[str]:
    seen: set[str] = set()
    for number, model in enumerate(models):
        if model.model_id in seen:
            yield f"{name}:{_line(root, ['models', number])}: {model.model_id}: this model_id stands there twice"
        seen.add(model.model_id)
