"""One that was published twice is worked on once."""

from services.router.seen import Seen
from shared.events import InferenceRequested, new_id


def request(delivery: int = 1) -> InferenceRequested:
    return InferenceRequested(
        inference_id=new_id(), tenant_id="acme", input={"messages": [{"role": "user"}]}, delivery=delivery
    )


def test_the_same_delivery_counts_once() -> None:
    seen, one = Seen(), request()
    again = one.model_copy(update={"event_id": new_id()})
    assert seen.first_time(one)
    assert not seen.first_time(again)


def test_a_further_delivery_is_another_one() -> None:
    seen, one = Seen(), request()
    seen.first_time(one)
    assert seen.first_time(one.model_copy(update={"delivery": 2}))


def test_what_was_not_claimed_after_all_is_taken_when_it_comes_again() -> None:
    seen, one = Seen(), request()
    seen.first_time(one)
    seen.forget(one)
    assert seen.first_time(one)


def test_only_so_many_are_remembered_and_the_oldest_goes_first() -> None:
    seen, requests = Seen(remembered=2), [request() for _ in range(3)]
    for one in requests:
        seen.first_time(one)
    assert seen.first_time(requests[0])
    assert not seen.first_time(requests[2])
