"""An inference from its claim to its settlement, on the broker in memory and with scripted endpoints."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

from aiokafka.errors import MessageSizeTooLargeError

from services.router import reports
from services.router.attempts import Attempts
from services.router.breaker import BreakerPolicy
from services.router.gate import Gate
from services.router.reports import MAX_CANDIDATES_TOLD
from services.router.retry import MAX_CALLS_SETTING, RetryPolicy
from services.router.transport import CallFailedError, Transport
from services.router.work import Begun, Full, Refused, Work
from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.errors import failure
from shared.events import AttemptEnded, AttemptStarted, Event, InferenceSettled, ReplyFailed, utc_now
from shared.events.codec import decode
from shared.events.topics import ATTEMPTS, OUTCOMES, REPLIES, Topic
from shared.kafka.local import LocalBroker, Produce, refused
from shared.kafka.publisher import Outgoing, Publisher
from shared.registry import Model
from shared.telemetry.attempts import attempts
from shared.wire import Completion, CompletionRead, Usage
from tests.support.places import no_places
from tests.support.virtual_time import virtually
from tests.unit.router.values import beating, holds_all, model, work

COMPLETION = Completion(b'{"choices":[]}', CompletionRead())
Say = Callable[[Model], Completion]


class Scripted:
    """Stands for the transport; counts the calls of each model."""

    def __init__(self, say: Say) -> None:
        self.called: list[str] = []
        self._say = say

    async def complete(self, model: Model, *_: object) -> Completion:
        self.called.append(model.id)
        return self._say(model)


class Router:
    def __init__(self, say: Say, max_calls: int = 8, *, cancelled: bool = False) -> None:
        self.broker = LocalBroker()
        self.endpoints = Scripted(say)
        self.publisher = Publisher(self.broker, "test")
        self.attempts = Attempts(
            "r1", KeyRing.parse(new_key("k1")), cast("Transport", self.endpoints), self.publisher,
            RetryPolicy(3, 0.2, 5.0, max_calls), Gate(BreakerPolicy(20, 5.0, 60.0), no_places()), beating(),
            was_cancelled=lambda *_: cancelled,
        )  # fmt: skip

    async def run(self, job: Work) -> InferenceSettled:
        await self.publisher.start()
        admitted = self.attempts.admit(job)
        assert not isinstance(admitted, Full)
        if isinstance(admitted, Refused):
            await self.attempts.refuse(admitted)
        else:
            started = reports.attempt_started(admitted, admitted.first, 1, "r1", utc_now())
            await self.publisher.publish_until_acked(Outgoing(ATTEMPTS, started))
            await self.attempts.run(Begun(admitted, started), 0, holds_all)
        return next(event for event in self.events(OUTCOMES) if isinstance(event, InferenceSettled))

    def events(self, topic: Topic) -> list[Event]:
        records = self.broker.cluster.records(topic.name)
        return [fact for record in records for fact in decode(topic, record.headers, record.value).facts]


def job(models: int, **request: Any) -> Work:
    now = utc_now()
    fields: dict[str, Any] = {"accepted_at": now, "deadline_at": now + timedelta(seconds=60), "reply_partition": 3}
    named = [model(id=f"custom:m{number}", endpoint_url="http://h:80/v1") for number in range(models)]
    return work(*named, **(fields | request))


def refuses(model: Model) -> Completion:
    raise CallFailedError(failure("authentication_failed", f"{model.id} answered 401", model=model.id))


@virtually
async def test_an_inference_has_so_many_calls_and_then_its_first_models_failure() -> None:
    router = Router(refuses)

    settled = await router.run(job(150))

    assert len(router.endpoints.called) == 8
    assert len(router.events(ATTEMPTS)) == len([e for e in router.events(OUTCOMES) if isinstance(e, AttemptEnded)]) == 8
    assert settled.settlement == "failed"
    assert settled.error is not None
    assert settled.error.error_type == "authentication_failed"
    assert settled.error.detail.startswith(f"{router.endpoints.called[0]} answered 401")
    assert MAX_CALLS_SETTING in settled.error.detail
    (reply,) = router.events(REPLIES)
    assert isinstance(reply, ReplyFailed)
    assert reply.error == settled.error


@virtually
async def test_what_was_cancelled_while_it_was_claimed_is_not_called_for() -> None:
    router = Router(refuses, cancelled=True)
    settled = await router.run(job(2))
    assert (settled.settlement, router.endpoints.called) == ("cancelled", [])
    assert [one.outcome for one in router.events(OUTCOMES) if isinstance(one, AttemptEnded)] == ["failed"]


@virtually
async def test_what_is_too_long_for_a_model_is_asked_of_none_that_is_known_to_hold_no_more() -> None:
    def too_long(model: Model) -> Completion:
        raise CallFailedError(failure("context_length_exceeded", f"{model.id} answered 400", model=model.id))

    windows = {"m1": 8000, "m2": 4000, "m3": None, "m4": 8000, "m5": 16000, "m6": 12000, "m7": None}
    models = [model(id=f"custom:{name}", context_window=window) for name, window in windows.items()]
    now = utc_now()
    asked = work(*models, accepted_at=now, deadline_at=now + timedelta(seconds=60), reply_partition=3)
    router = Router(too_long)

    settled = await router.run(asked)

    assert router.endpoints.called == ["custom:m1", "custom:m3", "custom:m5", "custom:m7"]
    assert settled.error is not None
    assert settled.error.detail == "custom:m1 answered 400"


@virtually
async def test_every_call_says_what_it_took_and_who_says_so() -> None:
    def says(called: Model) -> Completion:
        match called.name:
            case "m0":
                raise CallFailedError(
                    failure("rate_limited", "h answered 429", upstream_status=429, retry_after_s=99.0)
                )
            case "m1":
                raise CallFailedError(
                    failure("read_timeout", "h did not answer").model_copy(update={"retryable": False})
                )
            case "m2":
                raise CallFailedError(failure("bad_response", "h answered 200, but"), Usage(3, 4))
        return Completion(b"{}", CompletionRead(characters=9))

    router = Router(says)
    settled = await router.run(job(4))

    assert settled.settlement == "completed"
    ended = [event for event in router.events(OUTCOMES) if isinstance(event, AttemptEnded)]
    assert [(call.input_tokens, call.output_tokens, call.usage_state) for call in ended] == [
        (0, 0, "reported"), (None, None, "unknown"), (3, 4, "reported"), (ended[-1].input_tokens, 3, "estimated"),
    ]  # fmt: skip
    assert ended[-1].input_tokens


@virtually
async def test_calls_of_earlier_deliveries_count() -> None:
    router = Router(refuses)

    settled = await router.run(job(150, attempts_made=6, delivery=3))

    assert len(router.endpoints.called) == 2
    assert settled.attempts == 8


@virtually
async def test_when_earlier_deliveries_have_used_up_the_calls_none_is_made() -> None:
    router = Router(lambda _: COMPLETION)

    settled = await router.run(job(1, attempts_made=8, delivery=4))

    assert not router.endpoints.called
    assert not [event for event in router.events(ATTEMPTS) if isinstance(event, AttemptStarted)]
    assert (settled.settlement, settled.attempts) == ("failed", 8)
    assert settled.error is not None
    assert MAX_CALLS_SETTING in " ".join(settled.error.tips)


@virtually
async def test_a_failure_of_all_models_does_not_speak_of_a_limit_that_held_nothing_back() -> None:
    settled = await Router(refuses, max_calls=2).run(job(2))
    assert settled.error is not None
    assert MAX_CALLS_SETTING not in settled.error.detail


def answers(size: int) -> Completion:
    return Completion(b"a" * size, CompletionRead(response_model="m"))


@virtually
async def test_an_inference_of_one_call_is_one_record_of_outcomes() -> None:
    router = Router(lambda _: COMPLETION)
    settled = await router.run(job(1))
    (record,) = router.broker.cluster.records(OUTCOMES.name)
    assert decode(OUTCOMES, record.headers, record.value) == settled
    assert settled.last is not None
    assert settled.last.outcome == "succeeded"


@virtually
async def test_an_answer_that_is_too_large_when_sealed_is_a_failed_call_and_another_model_is_asked() -> None:
    sizes = iter((4_200_000, 10))
    router = Router(lambda _: answers(next(sizes)))

    settled = await router.run(job(2))

    assert len(set(router.endpoints.called)) == 2
    assert (settled.settlement, settled.model_served) == ("completed", router.endpoints.called[1])
    first, second = [event for event in router.events(OUTCOMES) if isinstance(event, AttemptEnded)]
    assert first.error is not None
    assert first.error.error_type == "bad_response"
    assert "too large" in first.error.detail
    assert second.outcome == "succeeded"


@virtually
async def test_what_the_broker_will_never_take_ends_in_a_settlement_and_not_in_trying_for_ever() -> None:
    router = Router(lambda _: answers(50_000))
    router.broker.cluster.faults = lambda asked: (
        refused(MessageSizeTooLargeError())
        if isinstance(asked, Produce) and asked.partition.topic == REPLIES.name and len(asked.value or b"") > 40_000
        else None
    )

    await router.run(job(1))

    assert len(router.endpoints.called) == 1
    (reply,) = router.events(REPLIES)
    assert isinstance(reply, ReplyFailed)
    assert reply.error.error_type == "internal"
    ended = [event for event in router.events(OUTCOMES) if isinstance(event, AttemptEnded)]
    assert {event.outcome for event in ended} == {"succeeded"}


@virtually
async def test_a_start_among_thousands_of_models_fits_a_record_and_tells_the_one_that_is_called() -> None:
    router = Router(lambda _: COMPLETION)

    settled = await router.run(job(30_000))

    (started,) = router.events(ATTEMPTS)
    assert isinstance(started, AttemptStarted)
    assert len(started.candidates) == MAX_CANDIDATES_TOLD + 1
    assert started.model in {candidate.model for candidate in started.candidates}
    assert "29900 more" in started.candidates[-1].reason
    assert settled.settlement == "completed"


@virtually
async def test_what_a_model_and_its_endpoint_are_called_is_cut_to_what_an_event_holds() -> None:
    router = Router(lambda _: Completion(b"{}", CompletionRead(finish_reasons=("stop",) * 100_000)))
    named = model(id="custom:m", endpoint_url="http://h:80/v1", config={"model": "m\x00" * 100_000})

    settled = await router.run(work(named, accepted_at=utc_now(), deadline_at=utc_now() + timedelta(seconds=60)))

    assert settled.settlement == "completed"
    assert len(router.events(ATTEMPTS)) == len([e for e in router.events(OUTCOMES) if isinstance(e, AttemptEnded)]) == 1


@virtually
async def test_a_metric_names_no_model_of_a_tenant() -> None:
    await Router(refuses).run(job(3))
    assert not [values for values in attempts._metrics if values[0].startswith("custom:")]
    assert ("custom", "failed", "authentication_failed") in attempts._metrics
