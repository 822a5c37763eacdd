from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.intake import Intake, _checked
from shared.events import new_id
from shared.events.codec import UnreadableMessageError
from tests.unit.shared.events.samples import requested


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


@given(
    st.recursive(
        st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
    )
)
def test_any_other_value_is_unreadable(body: object) -> None:
    with pytest.raises(UnreadableMessageError):
        _checked(body)


class Books:
    """Whether a router has begun with what is asked for, as the books say it, or what asking raises."""

    def __init__(self, answer: bool | Exception) -> None:
        self.answer = answer

    async def begun(self, _tenant_id: str, _inference_id: UUID, _delivery: int) -> bool:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def intake(answer: bool | Exception = False) -> Intake:
    books: Any = Books(answer)
    nothing: Any = None
    return Intake(nothing, books, nothing, nothing, nothing)


async def test_a_delivery_counts_once_and_a_further_one_is_another() -> None:
    here, request = intake(), requested()
    assert await here.first_time(request)
    assert not await here.first_time(request.model_copy(update={"event_id": new_id()}))
    assert await here.first_time(request.model_copy(update={"delivery": 2}))


async def test_what_was_not_claimed_after_all_is_taken_when_it_comes_again() -> None:
    here, request = intake(), requested()
    await here.first_time(request)
    here.forget(request)
    assert await here.first_time(request)


@pytest.mark.parametrize(("answer", "first"), [(True, False), (False, True), (ConnectionError(), True)])
async def test_of_what_may_have_been_published_twice_the_books_are_asked(answer: bool | Exception, first: bool) -> None:
    """While they are away it is taken."""
    request = requested().model_copy(update={"republished": True})
    assert await intake(answer).first_time(request) is first
