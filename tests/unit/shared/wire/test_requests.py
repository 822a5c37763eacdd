import pytest

from shared.wire.requests import with_defaults

MESSAGES = [{"role": "user", "content": "hi"}]


def merged(config: dict[str, object], body: dict[str, object]) -> dict[str, object]:
    return with_defaults("m", config, {"messages": MESSAGES} | body)


def test_defaults_fill_in_what_the_caller_left_out() -> None:
    assert merged({"temperature": 0.5}, {}) == {"messages": MESSAGES, "temperature": 0.5, "model": "m"}


def test_the_caller_wins_over_defaults() -> None:
    assert merged({"temperature": 0.5, "top_p": 1}, {"temperature": 0})["temperature"] == 0


def test_a_null_is_the_same_as_left_out() -> None:
    assert merged({"temperature": 0.5}, {"temperature": None, "seed": None}) == {
        "messages": MESSAGES, "temperature": 0.5, "model": "m",
    }  # fmt: skip


def test_the_model_is_called_by_its_name_at_the_endpoint() -> None:
    assert merged({}, {"model": "custom:m"})["model"] == "m"
    assert merged({"model": "another"}, {"model": "custom:m"})["model"] == "m"


@pytest.mark.parametrize("field", ["deadline_s", "policy", "no_fallback"])
def test_our_own_fields_do_not_leave(field: str) -> None:
    assert field not in merged({}, {field: 5})
    assert field not in merged({field: 5}, {})


@pytest.mark.parametrize("field", ["stream", "stream_options"])
def test_how_the_answer_is_sent_is_never_a_default(field: str) -> None:
    assert field not in merged({field: True}, {})
    assert merged({field: True}, {field: False})[field] is False


def test_unknown_fields_go_on() -> None:
    assert merged({}, {"unknown": [1]})["unknown"] == [1]


@pytest.mark.parametrize("default", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("sent", ["max_tokens", "max_completion_tokens"])
def test_the_callers_limit_wins_under_either_name(default: str, sent: str) -> None:
    out = merged({default: 4000}, {sent: 10})
    assert {name: value for name, value in out.items() if name.startswith("max_")} == {sent: 10}


@pytest.mark.parametrize("default", ["max_tokens", "max_completion_tokens"])
def test_a_default_limit_is_used_when_the_caller_sends_none(default: str) -> None:
    assert merged({default: 4000}, {})[default] == 4000


def test_neither_the_body_nor_the_configuration_is_changed() -> None:
    config: dict[str, object] = {"temperature": 1}
    body: dict[str, object] = {"messages": MESSAGES, "deadline_s": 5}
    with_defaults("m", config, body)
    assert (config, body) == ({"temperature": 1}, {"messages": MESSAGES, "deadline_s": 5})
