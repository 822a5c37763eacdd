"""Settings from the environment: a wrong value is refused at start, by the name of its variable and what is allowed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen
from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from shared.errors import ConfigurationError, ErrorType

_SHOWN_CHARS = 80


@dataclass(frozen=True, slots=True)
class Beyond:
    """Marks a setting as a limit: what becomes of what exceeds it, for docs/limits.md.

    error: the type that the sender gets. http_status: when it is not the type's own. words: what else there is to say.
    """

    error: ErrorType | None = None
    http_status: int | None = None
    words: str = ""


Port = Annotated[int, Field(ge=1, le=65535)]
GroupName = Annotated[str, Field(min_length=1, max_length=249, pattern=r"^[A-Za-z0-9._-]+$")]  # as Kafka has it


class Settings(BaseSettings):
    """Every field has a description, which is its row in docs/settings.md, and a range of what makes sense.

    Raises ConfigurationError.
    """

    model_config = SettingsConfigDict(allow_inf_nan=False, hide_input_in_errors=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigurationError("; ".join(_wrong(type(self), error))) from None
        except SettingsError as error:  # a list or an object that is no JSON
            names = [name for field, name in variables(type(self)).items() if f'"{field}"' in str(error)]
            raise ConfigurationError(f"{', '.join(names) or error}: it is not valid JSON") from None


def is_part(field: FieldInfo) -> bool:
    """Whether the field holds settings that a class of their own reads."""
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings)


def parts(settings: type[BaseSettings]) -> Iterator[type[BaseSettings]]:
    """The class itself, and the settings classes that its fields hold."""
    yield settings
    for field in settings.model_fields.values():
        if is_part(field):
            yield from parts(field.annotation)  # type: ignore[arg-type]


def variables(settings: type[BaseSettings]) -> dict[str, str]:
    """Environment variables by field, of those that this class reads itself, in their order."""
    prefix = settings.model_config.get("env_prefix", "")
    return {
        name: str(field.validation_alias or f"{prefix}{name}").upper()
        for name, field in settings.model_fields.items()
        if not is_part(field)
    }


def environment_names(settings: type[BaseSettings]) -> set[str]:
    """All variables that the class and its parts read."""
    return {name for part in parts(settings) for name in variables(part).values()}


def allowed(field: FieldInfo) -> str:
    """What a field may hold, in words; empty when its type says it all."""
    choices = [str(choice) for kind in _kinds(field) if get_origin(kind) is Literal for choice in get_args(kind)]
    found: dict[str, str] = {}
    for bound in _bounds(field):
        found.setdefault(*_in_words(bound))
    return ", ".join((*choices, *(found[side] for side in ("low", "high", "length") if side in found)))


def _in_words(bound: object) -> tuple[str, str]:
    match bound:
        case Ge(ge=least):
            return "low", f"at least {_plain(least)}"
        case Gt(gt=least):
            return "low", f"more than {_plain(least)}"
        case Le(le=most):
            return "high", f"at most {_plain(most)}"
        case Lt(lt=most):
            return "high", f"less than {_plain(most)}"
        case MaxLen(max_length=most):
            return "length", f"at most {most} long"
    return "", ""


def _plain(number: object) -> str:
    return str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)


def beyond(field: FieldInfo) -> Beyond | None:
    """What becomes of what exceeds this limit; None when the setting is marked as none."""
    return next((mark for mark in field.metadata if isinstance(mark, Beyond)), None)


def is_number(field: FieldInfo) -> bool:
    return bool({int, float} & set(_kinds(field)))


def _kinds(field: FieldInfo) -> tuple[Any, ...]:
    """The field's type, and those of the union that it is."""
    return (field.annotation, *(() if get_origin(field.annotation) is Literal else get_args(field.annotation)))


def _bounds(field: FieldInfo) -> Iterator[object]:
    within = (mark for kind in _kinds(field) for mark in getattr(kind, "__metadata__", ()))
    for mark in (*field.metadata, *within):
        yield from mark.metadata if isinstance(mark, FieldInfo) else (mark,)


def _wrong(settings: type[BaseSettings], error: ValidationError) -> Iterator[str]:
    """Never the value of what may hold a secret."""
    names = variables(settings)
    by_alias = {str(field.validation_alias): name for name, field in settings.model_fields.items()}
    for problem in error.errors(include_url=False, include_context=False)[:3]:
        place = [str(part) for part in problem["loc"]]
        name = by_alias.get(place[0], place[0]) if place else ""
        field = settings.model_fields.get(name)
        if field is None:
            yield problem["msg"]
            continue
        at = f" ({'.'.join(place[1:])})" if len(place) > 1 else ""
        what = f"{names[name]}{_shown(field, problem['input'])}{at}: {problem['msg'].removeprefix('Value error, ')}"
        yield what + (f"; allowed: {can}" if not at and (can := allowed(field)) else "")


def _shown(field: FieldInfo, value: object) -> str:
    """` = 'value'`; nothing of a secret, or of what is made of several values."""
    if SecretStr in _kinds(field) or not isinstance(value, str | int | float) or field.repr is False:
        return ""
    text = str(value)
    return f" = {text[:_SHOWN_CHARS]!r}" + ("..." if len(text) > _SHOWN_CHARS else "")
