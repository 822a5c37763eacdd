"""docs/limits.md lists every limit, and everything that others send has one."""

import re
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from services.documents.bounds import bounds_of
from services.documents.limits_page import bodies, limits_page
from services.documents.settings_classes import SERVICES, Setting, all_settings
from shared.events.topics import TOPICS
from shared.settings import allowed, beyond, is_number, parts

PAGE = (Path(__file__).parents[3] / "docs" / "limits.md").read_text()

NO_LIMITS = {
    "TALLYGATE_PORT": "where a process listens",
    "TALLYGATE_LANE_PORT": "where it listens",
    "TALLYGATE_STREAM_KEEP_ALIVE_S": "what the gateway does itself",
    "TALLYGATE_FEATURES_LANE_PORT": "where it listens",
    "TALLYGATE_ROUTER_PORT": "where a process listens",
    "TALLYGATE_MONITOR_PORT": "where a process listens",
    "TALLYGATE_FEATURES_PORT": "where a process listens",
    "TALLYGATE_JOBS_PORT": "where a process listens",
    "TALLYGATE_CONSOLE_PORT": "where a process listens",
    "TALLYGATE_REPLY_PARTITION": "a place",
    "TALLYGATE_FEATURES_REPLY_PARTITION": "a place",
    "KAFKA_REPLICATION_FACTOR": "how topics are made",
    "TALLYGATE_BACKGROUND_DEADLINE_S": "what holds when a request says nothing; TALLYGATE_MAX_DEADLINE_S is the limit",
    "TALLYGATE_DEFAULT_DEADLINE_S": "what holds when a request says nothing; TALLYGATE_MAX_DEADLINE_S is the limit",
    "TALLYGATE_ROUTER_RETRY_BASE_S": "the first wait; TALLYGATE_ROUTER_RETRY_MAX_S is the limit",
    "TALLYGATE_ROUTER_BREAKER_PAUSE_S": "how long a pause is; nothing is refused for its length",
    "TALLYGATE_ROUTER_BREAKER_MAX_PAUSE_S": "how long a pause is; nothing is refused for its length",
}
# 0 is allowed and no default; of a burst it means the requests of one second.
ZERO_IS_NO_LIMIT = {setting.variable for setting in all_settings() if "0: no limit" in str(setting.field.description)}

NUMBERS = [setting for setting in all_settings() if is_number(setting.field)]
EVENTS = [kind for topic in TOPICS for kind in topic.events]


def test_it_is_as_the_code_says() -> None:
    assert limits_page() == PAGE, "renew it: tallygate documents"


def test_every_number_among_the_settings_is_a_limit_on_the_page_or_is_known_to_be_none() -> None:
    marked = {setting.variable for setting in NUMBERS if beyond(setting.field) is not None}
    assert {setting.variable for setting in NUMBERS} == marked | NO_LIMITS.keys()
    assert not marked & NO_LIMITS.keys()
    assert {name for name in marked if f"| `{name}` |" not in PAGE} == set()


@pytest.mark.parametrize("setting", NUMBERS, ids=[setting.variable for setting in NUMBERS])
def test_every_number_among_the_settings_has_a_range(setting: Setting) -> None:
    assert re.fullmatch(r"(at least|more than) \S+, (at most|less than) \S+", allowed(setting.field))


def test_no_default_is_no_limit() -> None:
    assert ZERO_IS_NO_LIMIT
    assert [setting.variable for setting in all_settings() if setting.variable in ZERO_IS_NO_LIMIT
            and not setting.field.default] == []  # fmt: skip


@pytest.mark.parametrize("kind", EVENTS, ids=[kind.ce_type for kind in EVENTS])
def test_every_field_of_an_event_has_a_bound(kind: type[BaseModel]) -> None:
    unbounded = {bound.field for bound in bounds_of(kind) if not bound.bounded}
    assert unbounded == ({"input"} if kind.__name__ == "InferenceRequested" else set())


def test_every_field_of_a_body_has_a_bound() -> None:
    assert len(bodies()) > 10
    for kind in bodies():
        assert [bound.field for bound in bounds_of(kind) if not bound.bounded] == [], kind.__name__


def test_a_field_without_a_bound_would_be_found() -> None:
    class Open(BaseModel):
        text: str
        number: float = Field(ge=0)
        entries: list[Annotated[str, Field(max_length=5)]]
        names: dict[str, int]
        anything: Any

    assert {bound.field for bound in bounds_of(Open) if not bound.bounded} == {
        "text", "number", "entries", "names", "names.*", "anything",
    }  # fmt: skip


def test_settings_of_every_service_are_looked_at() -> None:
    assert {part.__name__ for service in SERVICES for part in parts(service)} >= {"KafkaSettings", "GuardSettings"}
