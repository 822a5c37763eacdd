"""The environment variables that a settings class reads, its parts included."""

from collections.abc import Iterator

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings


def settings_parts(settings: type[BaseSettings]) -> Iterator[type[BaseSettings]]:
    """The class itself, and the settings classes that its fields hold."""
    yield settings
    for field in settings.model_fields.values():
        if _is_part(field):
            yield from settings_parts(field.annotation)  # type: ignore[arg-type]


def own_names(settings: type[BaseSettings]) -> list[str]:
    """What this class reads itself, in the order of its fields."""
    prefix = settings.model_config.get("env_prefix", "")
    return [
        str(field.validation_alias or f"{prefix}{name}").upper()
        for name, field in settings.model_fields.items()
        if not _is_part(field)
    ]


def environment_names(settings: type[BaseSettings]) -> set[str]:
    return {name for part in settings_parts(settings) for name in own_names(part)}


def _is_part(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings)
