from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.cancellations import Cancellations
from services.router.intake import Intake, _checked
from services.router.work import Asked, Refused, Source
from shared.crypto import KeyRing, SealedContext, seal
from shared.crypto.keys import new_key
from shared.errors import TallygateError
from shared.events import SessionCapped, new_id, utc_now
from shared.events.bounds import MAX_LIFE_DAYS
from shared.events.codec import UnreadableMessageError
from shared.events.inference import PROBE
from shared.events.ingress import Ingress
from shared.events.probe import OPTIONS, QUESTIONS
from shared.events.topics import REQUESTS
from shared.registry import Registry, TenantModels
from shared.selection import Conditions
from tests.unit.shared.events.samples import INFERENCE, requested
from tests.unit.shared.kafka.records import record
from tests.unit.shared.selection.values import model, tenant


@pytest.mark.parametrize(
    "body", [{"messages": [{}]}, {"messages": [{"role": "user", "content": "hi"}, {}], "unknown": 1}]
)
def test_a_chat_body_is_taken_as_it_is(body: dict[str, object]) -> None:
    assert _checked(body) is body


@pytest.mark.parametrize("body", [None, [], "opensesame", 5, {}, {"messages": None}, {"messages": []},
                                  {"messages": {"0": {}}}, {"messages": "opensesame"}])  # fmt: skip
def test_what_has_no_messages_is_no_chat_body(body: object) -> None:
    with pytest.raises(TallygateError, match="it needs messages") as caught:
        _checked(body)
    assert "opensesame" not in str(caught.value)


@pytest.mark.parametrize("messages", [["opensesame"], [{}, None], [[{}]]])
def test_a_message_that_is_no_object_is_refused(messages: list[object]) -> None:
    with pytest.raises(TallygateError, match="every message must be an object") as caught:
        _checked({"messages": messages})
    assert "opensesame" not in str(caught.value)


@given(
    st.recursive(
        st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
    )
)
def test_any_other_value_is_refused(body: object) -> None:
    with pytest.raises(TallygateError, match="invalid_request"):
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


RING, OTHER_RING = KeyRing.parse(new_key("ours")), KeyRing.parse(new_key("later"))


def sealed(content: bytes, ring: KeyRing = RING, tenant: str = "acme") -> str:
    return seal(ring, SealedContext(tenant, "input", str(INFERENCE)), content)


@pytest.mark.parametrize(
    ("fields", "error_type"),
    [
        ({"sealed_input": sealed(b'{"messages": [{}]}', OTHER_RING)}, "key_unreadable"),
        ({"sealed_input": sealed(b'{"messages": [{}]}', tenant="globex")}, "key_unreadable"),
        ({"sealed_input": "bm90IHNlYWxlZA=="}, "key_unreadable"),
        ({"sealed_input": "not base64"}, "key_unreadable"),
        ({"sealed_input": ""}, "key_unreadable"),
        ({"sealed_input": sealed(b"opensesame")}, "invalid_request"),
        ({"sealed_input": sealed(b"\xff")}, "invalid_request"),
        ({"sealed_input": sealed(b"")}, "invalid_request"),
        ({"sealed_input": sealed(b"[]")}, "invalid_request"),
        ({"sealed_input": sealed(b'{"messages": ["opensesame"]}')}, "invalid_request"),
        ({"sealed_input": None, "input": {}}, "invalid_request"),
        ({"sealed_input": None, "input": {"messages": []}}, "invalid_request"),
    ],
)
async def test_an_input_that_cannot_be_worked_on_is_answered_and_is_no_dead_letter(
    fields: dict[str, object], error_type: str
) -> None:
    now = utc_now()
    request = requested(**fields, accepted_at=now, deadline_at=now + timedelta(seconds=60))
    nothing: Any = None
    books: Any = Books(answer=False)
    here = Intake(RING, books, nothing, nothing, Cancellations())
    asked = here.read(record(REQUESTS.name, request.encoded(), headers=tuple(request.headers("t", None))))

    prepared = await here.prepared(asked)

    assert isinstance(prepared, Refused)
    assert (prepared.request.inference_id, prepared.settlement) == (INFERENCE, "failed")
    assert prepared.failure.error_type == error_type
    assert prepared.failure.tips
    assert "opensesame" not in prepared.failure.detail


@pytest.mark.parametrize(("key", "delivery", "refused"), [("shadow", 1, False), ("shadow", 2, True), ("k1", 2, False)])
async def test_a_copy_whose_router_is_gone_is_not_made_again(key: str, delivery: int, refused: bool) -> None:
    now = utc_now()
    request = requested(api_key_id=key, delivery=delivery, accepted_at=now, deadline_at=now + timedelta(seconds=60))
    nothing: Any = None
    here = Intake(nothing, nothing, nothing, nothing, Cancellations())
    over = here.over(Asked(request, Source(0, 0, 0), None))
    assert (over is not None) is refused
    assert over is None or over.settlement == "cancelled"


@pytest.mark.parametrize(
    ("says", "error_type"),
    [
        ({"reply_topic": "replies.acme"}, "invalid_request"),
        ({"reply_key_id": "k1"}, "invalid_request"),
        ({"api_key_id": "shadow"}, "permission_denied"),
        ({"api_key_id": "probe"}, "permission_denied"),
        ({"api_key_id": "k1"}, None),
        ({"api_key_id": "shadow", "input": None, "sealed_input": sealed(b"{}")}, None),
    ],
)
def test_what_no_publisher_gets_or_may_say_is_refused_by_its_name(
    says: dict[str, object], error_type: str | None
) -> None:
    now = utc_now()
    plain: dict[str, object] = {"sealed_input": None, "input": {"messages": [{}]}}
    request = requested(**plain | {"accepted_at": now, "deadline_at": now + timedelta(seconds=60)} | says)
    nothing: Any = None
    here = Intake(RING, nothing, nothing, nothing, Cancellations())
    over = here.over(Asked(request, Source(0, 0, 0), None))
    assert (None if over is None else over.failure.error_type) == error_type
    if over is not None:
        assert over.settlement == "rejected"
        assert over.failure.detail.startswith(next(iter(says)))


class Tenants(Registry):
    """One model, of every tenant."""

    def __init__(self) -> None:
        pass

    def of(self, _tenant_id: str) -> TenantModels:
        return tenant(model(id="custom:m"))


@pytest.mark.parametrize(
    ("session", "delivery", "refused"),
    [("run-42", 1, True), ("run-42", 2, False), ("run-43", 1, False), (None, 1, False)],
)
async def test_who_publishes_past_a_gateway_is_held_to_the_cap_of_the_session_too(
    session: str | None, delivery: int, refused: bool
) -> None:
    """What was begun is finished."""
    conditions, now = Conditions(), utc_now()
    conditions.heard(SessionCapped(tenant_id="acme", session="run-42", since=now, calls=0))
    body = {"messages": [{"role": "user", "content": "hi"}]}
    request = requested(sealed_input=None, input=body, session=session, delivery=delivery, accepted_at=now,
                        deadline_at=now + timedelta(seconds=60))  # fmt: skip
    books: Any = Books(answer=False)
    here = Intake(RING, books, Tenants(), conditions, Cancellations())

    prepared = await here.prepare(Asked(request, Source(0, 0, 0), None))

    assert isinstance(prepared, Refused) is refused
    if isinstance(prepared, Refused):
        assert (prepared.settlement, prepared.failure.error_type) == ("rejected", "quota_exceeded")


@pytest.mark.parametrize(
    ("accepted_at", "lasts"),
    [
        (utc_now() + timedelta(days=1), timedelta(days=1, minutes=1)),
        (utc_now() + timedelta(days=9), timedelta(days=6)),
        (None, timedelta(minutes=1)),  # accepted when it was published, which the record says was years ago
    ],
)
def test_whatever_the_clock_of_its_publisher_says_a_request_that_can_be_read_is_taken_and_ends_within_days(
    accepted_at: datetime | None, lasts: timedelta
) -> None:
    """The audit counts it as accepted, and so it must have an end of its own."""
    request = requested(accepted_at=accepted_at or utc_now(), deadline_at=(accepted_at or utc_now()) + lasts)
    left_out = {"accepted_at"} if accepted_at is None else set()
    body = request.model_dump_json(exclude=left_out).encode()

    read = intake().read(record(REQUESTS.name, body, headers=tuple(request.headers("t", None)))).request

    assert read.accepted_at <= utc_now()
    assert read.expires_at - read.accepted_at <= timedelta(days=MAX_LIFE_DAYS)


@pytest.mark.parametrize(
    ("topics", "plain", "taken"),
    [
        ("inference.requests.v1=*", True, True),
        ("inference.requests.v1=acme", True, True),
        ("inference.requests.v1=rival", True, False),
        ("acme.requests=acme", True, False),
        ("acme.requests=acme", False, True),
    ],
    ids=["believed", "its tenant", "another tenant", "not named", "sealed"],
)
def test_a_plain_input_is_taken_where_the_deployment_says_so(topics: str, plain: bool, taken: bool) -> None:
    nothing: Any = None
    here = Intake(nothing, nothing, nothing, nothing, nothing, ingress=Ingress.parse(topics))
    given: dict[str, Any] = (
        {"input": {"messages": []}, "sealed_input": None} if plain else {"input": None, "sealed_input": "c2VhbGVk"}
    )
    request = requested().model_copy(update=given)
    assert request.tenant_id == "acme"
    found = record(REQUESTS.name, request.encoded(), headers=tuple(request.headers("t", None)))
    if taken:
        assert here.read(found).request.inference_id == request.inference_id
    else:
        with pytest.raises(UnreadableMessageError, match="TALLYGATE_INGRESS_TOPICS"):
            here.read(found)


def test_a_probe_is_taken_where_plain_inputs_are_not_and_is_nothing_else() -> None:
    """The monitor that publishes it cannot seal."""
    nothing: Any = None
    here = Intake(nothing, nothing, nothing, nothing, Cancellations(), ingress=Ingress.parse("acme.requests=acme"))
    now = utc_now()
    request = requested(
        api_key_id=PROBE, request_model="custom:m", sealed_input=None, input=QUESTIONS["chat"], options=OPTIONS,
        accepted_at=now, deadline_at=now + timedelta(seconds=60),
    )  # fmt: skip
    asked = here.read(record(REQUESTS.name, request.encoded()))
    assert here.over(asked) is None

    more = request.model_copy(update={"input": {"messages": [{"role": "user", "content": "Write me a book."}]}})
    with pytest.raises(UnreadableMessageError, match="TALLYGATE_INGRESS_TOPICS"):
        here.read(record(REQUESTS.name, more.encoded()))
