"""All settings of all services."""

from collections.abc import Iterator
from typing import NamedTuple

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from services.console.settings import ConsoleSettings
from services.features.settings import FeaturesSettings
from services.gateway.settings import GatewaySettings
from services.jobs.settings import JobsSettings
from services.monitor.settings import MonitorSettings
from services.router.settings import RouterDatabaseSettings, RouterSettings
from shared.settings import parts, variables

SERVICES: tuple[type[BaseSettings], ...] = (
    GatewaySettings,
    RouterSettings,
    MonitorSettings,
    FeaturesSettings,
    JobsSettings,
    ConsoleSettings,
)
NEEDED = frozenset({"KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "TALLYGATE_KEYS"})


class Setting(NamedTuple):
    variable: str
    field: FieldInfo


def classes() -> dict[str, type[BaseSettings]]:
    """By name: the services' own, and those that they share."""
    found = {part.__name__: part for service in SERVICES for part in parts(service)}
    return {name: part for name, part in found.items() if part is not RouterDatabaseSettings}


def settings_of(kind: type[BaseSettings]) -> list[Setting]:
    return [Setting(variable, kind.model_fields[name]) for name, variable in variables(kind).items()]


def all_settings() -> Iterator[Setting]:
    """Each variable once; what several services read comes first."""
    ordered = sorted(classes().values(), key=lambda kind: kind in SERVICES)
    yield from {setting.variable: setting for kind in ordered for setting in settings_of(kind)}.values()


def default_of(setting: Setting) -> str:
    """As it is written in the environment; how it is made, when it is made at start."""
    if setting.variable in NEEDED:
        return "required"
    default = setting.field.default
    if setting.field.default_factory is not None:
        return "made at start"
    if default is None:
        return "none"
    if default == ():
        return "`[]`"
    if isinstance(default, float) and default.is_integer():
        return f"`{default:.0f}`"
    return f"`{default}`" if str(default) else "empty"
