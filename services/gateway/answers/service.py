"""Whether the service is well."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict


class Alive(TypedDict):
    """dead_tasks: what ended by an error, if anything did."""

    status: Literal["alive"]
    dead_tasks: NotRequired[list[str]]


class Ready(TypedDict):
    """reasons: for each check that fails, why. notes: what does not make the service unready."""

    service: str
    status: Literal["ready", "not ready"]
    reasons: dict[str, str]
    notes: NotRequired[dict[str, str]]
