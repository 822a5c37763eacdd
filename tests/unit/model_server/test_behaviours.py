import re

import pytest

from deploy.model_server.behaviours import BEHAVIOURS, UNKNOWN_MODEL, Behaviour, behaviour_of
from deploy.model_server.errors import ERRORS, shown_key
from deploy.model_server.planning import planned_behaviours


@pytest.mark.parametrize(
    ("model", "behaviour"),
    [
        ("demo", Behaviour("demo")),
        ("demo-tools", Behaviour("demo-tools", 1)),
        ("demo-rate-50-count-200", Behaviour("demo-rate-count", 50, 200)),
        ("demo-rate-50-count-", UNKNOWN_MODEL),
        ("demo-delay-250", Behaviour("demo-delay", 250)),
        ("flaky-2", Behaviour("flaky", 2)),
        ("fault-429", Behaviour("fault-429", 1)),
        ("fault-429-7", Behaviour("fault-429", 7)),
        ("fault-429-0", Behaviour("fault-429", 0)),
        ("fault-429-quota", Behaviour("fault-429-quota")),
        ("fault-404-model", Behaviour("fault-404-model")),
        ("fault-slow-headers-30", Behaviour("fault-slow-headers", 30)),
        ("demo-", UNKNOWN_MODEL),
        ("demo-delay-", UNKNOWN_MODEL),
        ("demo-delay-x", UNKNOWN_MODEL),
        ("demo-delay-1\n", UNKNOWN_MODEL),
        ("my-demo", UNKNOWN_MODEL),
        ("", UNKNOWN_MODEL),
    ],
)
def test_a_model_name_has_one_meaning(model: str, behaviour: Behaviour) -> None:
    assert behaviour_of(model) == behaviour


def test_every_row_is_planned() -> None:
    assert {row.name for row in BEHAVIOURS} <= planned_behaviours()


def test_every_row_is_reached_by_its_own_name() -> None:
    for row in BEHAVIOURS:
        model = re.sub(r"<\w+>", "3", row.model)
        assert behaviour_of(model).name == row.name


def test_every_refusal_is_of_a_known_behaviour() -> None:
    assert set(ERRORS) - {row.name for row in BEHAVIOURS} == {UNKNOWN_MODEL.name}


@pytest.mark.parametrize(
    ("key", "shown"), [("sk-invalid-1234567", "sk-inv****"), ("abcd", "ab****"), ("", ""), (None, "")]
)
def test_a_message_shows_the_start_of_the_key(key: str | None, shown: str) -> None:
    assert shown_key(key) == shown
