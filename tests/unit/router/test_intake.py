import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.intake import _checked
from shared.events.codec import UnreadableMessageError


@pytest.mark.parametrize(
    "body", [{"messages": [{}]}, {"messages": [{"role": "user", "content": "hi"}, {}], "unknown": 1}]
)
def test_a_chat_body_is_taken_as_it_is(body: dict[str, object]) -> None:
    assert _checked(body) is body


@pytest.mark.parametrize("body", [None, [], "opensesame", 5, {}, {"messages": None}, {"messages": []},
                                  {"messages": {"0": {}}}, {"messages": "opensesame"}])  # fmt: skip
def test_what_has_no_messages_is_no_chat_body(body: object) -> None:
    with pytest.raises(UnreadableMessageError, match="it needs messages") as caught:
        _checked(body)
    assert "opensesame" not in str(caught.value)


@pytest.mark.parametrize("messages", [["opensesame"], [{}, None], [[{}]]])
def test_a_message_that_is_no_object_is_refused(messages: list[object]) -> None:
    with pytest.raises(UnreadableMessageError, match="every message must be an object") as caught:
        _checked({"messages": messages})
    assert "opensesame" not in str(caught.value)


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_other_value_is_unreadable(body: object) -> None:
    with pytest.raises(UnreadableMessageError):
        _checked(body)
