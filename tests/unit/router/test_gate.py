"""May a model be called now?"""

from services.router.breaker import BreakerPolicy
from services.router.gate import Gate
from services.router.instruments import breakers
from services.router.places import Places
from shared.errors import failure
from shared.registry import Model
from tests.support.places import no_places, places_at_hand

BROKEN = failure("server_error", "broken")


def model(
    model_id: str = "custom:m", tenant_id: str = "acme", max_concurrency: int | None = None, url: str = "http://h/v1"
) -> Model:
    return Model(
        id=model_id, tenant_id=tenant_id, wire_format="openai", provider_name="openai", endpoint_url=url,
        max_concurrency=max_concurrency,
    )  # fmt: skip


def gate(places: Places | None = None) -> Gate:
    return Gate(BreakerPolicy(open_after=2, pause_s=60), places or no_places())


async def test_no_more_calls_than_the_model_allows_at_once() -> None:
    limited = model(max_concurrency=2)
    open_gate = gate(await places_at_hand(limited))
    assert open_gate.enter(limited) is None
    assert open_gate.enter(limited) is None
    refusal = open_gate.enter(limited)
    assert refusal is not None
    assert refusal.error_type == "model_at_capacity"
    assert refusal.retry_after_s is not None
    open_gate.leave(limited, None)
    assert open_gate.enter(limited) is None


async def test_a_model_that_keeps_failing_is_paused_and_the_reason_says_why() -> None:
    open_gate, broken = gate(), model()
    for _ in range(2):
        assert open_gate.enter(broken) is None
        open_gate.leave(broken, BROKEN)
    refusal = open_gate.enter(broken)
    assert refusal is not None
    assert refusal.error_type == "circuit_open"
    assert "server_error" in refusal.detail


async def test_a_model_that_was_mended_is_called_at_once_and_late_words_on_the_old_one_do_not_count() -> None:
    open_gate, broken, mended = gate(), model(), model(url="http://mended/v1")
    for _ in range(3):
        open_gate.enter(broken)
    for _ in range(2):
        open_gate.leave(broken, BROKEN)
    assert open_gate.enter(broken) is not None

    for _ in range(2):
        assert open_gate.enter(mended) is None
        open_gate.leave(broken, BROKEN)
    assert open_gate.enter(mended) is None


async def test_calls_of_before_a_change_still_take_their_place() -> None:
    open_gate = gate(await places_at_hand(model(max_concurrency=1)))
    assert open_gate.enter(model(max_concurrency=1)) is None
    assert open_gate.enter(model(max_concurrency=1, url="http://mended/v1")) is not None
    open_gate.leave(model(max_concurrency=1), None)
    assert open_gate.enter(model(max_concurrency=1, url="http://mended/v1")) is None


async def test_one_broken_model_does_not_hold_up_another_nor_another_tenants_of_the_same_name() -> None:
    open_gate, broken = gate(), model()
    for _ in range(2):
        open_gate.enter(broken)
        open_gate.leave(broken, BROKEN)
    assert open_gate.enter(model("custom:other")) is None
    assert open_gate.enter(model(tenant_id="another")) is None


async def test_a_call_that_was_not_made_leaves_its_place_and_no_trace() -> None:
    limited = model(max_concurrency=1)
    open_gate = gate(await places_at_hand(limited))
    for _ in range(5):
        assert open_gate.enter(limited) is None
        open_gate.leave(limited, None, called=False)


async def test_models_at_rest_are_forgotten() -> None:
    open_gate = gate()
    for number in range(100):
        healthy = model(f"custom:{number}")
        open_gate.enter(healthy)
        open_gate.leave(healthy, None)
    assert not open_gate._states


async def test_paused_models_are_measured() -> None:
    open_gate = gate()
    for name in ("custom:one", "custom:other"):
        for _ in range(2):
            open_gate.enter(model(name))
            open_gate.leave(model(name), BROKEN)
    open_gate.enter(model("custom:well"))

    await open_gate.measure()

    assert [breakers.labels(state)._value.get() for state in ("open", "half_open")] == [2, 0]
