import json
from typing import Any

from tests.support.stub_gateway import StubGateway, problem
from tests.unit.cli.conftest import Run

HOOK: dict[str, Any] = {
    "id": "h1", "url": "https://a.test/hook", "events": ["inference.failed"], "name": "n", "enabled": True,
    "disabled_at": None, "disabled_because": None, "waiting": 2, "delivered_at": "2026-11-30T10:00:00+00:00",
    "failing_since": None, "rests_until": None, "dropped": 0, "dropped_at": None, "old_secret_until": None,
    "created_at": "2026-11-30T09:00:00+00:00",
}  # fmt: skip
TRY: dict[str, Any] = {"at": "2026-11-30T10:00:00+00:00", "status": 500, "error": "answered 500", "took_s": 0.1}
DELIVERY: dict[str, Any] = {
    "id": "d1", "type": "webhook.test", "state": "waiting", "accepted_at": "2026-11-30T10:00:00+00:00",
    "next_try_at": "2026-11-30T10:00:05+00:00", "settled_at": None, "tries": [],
}  # fmt: skip


def test_a_webhook_is_added_and_its_secret_shown_once(gateway: StubGateway, run: Run) -> None:
    gateway.answers["POST /api/webhooks"] = (201, HOOK | {"secret": "whsec_x"})

    done = run("webhooks", "add", "https://a.test/hook", "--event", "inference.failed", "--event", "model.health")

    assert done.stdout.splitlines()[0] == "whsec_x"
    assert gateway.asked[0].body == {
        "url": "https://a.test/hook",
        "events": ["inference.failed", "model.health"],
        "name": "",
    }


def test_webhooks_are_listed_with_their_state(gateway: StubGateway, run: Run) -> None:
    off = HOOK | {"id": "h2", "enabled": False, "disabled_because": "it is gone"}
    gateway.answers["GET /api/webhooks"] = (200, {"webhooks": [HOOK, off], "total": 2})

    lines = run("webhooks", "list").stdout.splitlines()

    assert [line.split()[:3] for line in lines[1:3]] == [["h1", "enabled", "2"], ["h2", "disabled", "2"]]


def test_one_is_shown_with_what_its_receiver_said(gateway: StubGateway, run: Run) -> None:
    off = HOOK | {"enabled": False, "disabled_because": "it is gone", "dropped": 3}
    page = {"items": [DELIVERY | {"state": "failed", "tries": [TRY]}], "next_cursor": "d0"}
    gateway.answers["GET /api/webhooks/h1"] = (200, off)
    gateway.answers["GET /api/webhooks/h1/deliveries?state=failed&limit=20"] = (200, page)

    shown = run("webhooks", "show", "h1", "--state", "failed").stdout

    for words in ("it is gone", "3, as too many waited", "answered 500", "--cursor d0"):
        assert words in shown


def test_a_test_says_what_the_receiver_answered(gateway: StubGateway, run: Run) -> None:
    gateway.answers["POST /api/webhooks/h1/test"] = (202, DELIVERY)
    gateway.answers["GET /api/webhooks/h1/deliveries/d1"] = (200, DELIVERY | {"tries": [TRY]})
    failed = run("webhooks", "test", "h1")
    assert failed.exit_code == 1
    assert "the receiver answered 500; again at 2026-11-30 10:00:05 UTC" in failed.stdout

    taken = DELIVERY | {"state": "delivered", "tries": [TRY | {"status": 200, "error": None}]}
    gateway.answers["GET /api/webhooks/h1/deliveries/d1"] = (200, taken)
    done = run("webhooks", "test", "h1")
    assert (done.exit_code, done.stdout.strip()) == (0, "✓ d1 was taken")


def test_a_delivery_that_nobody_tries_is_not_waited_for(gateway: StubGateway, run: Run) -> None:
    gateway.answers["POST /api/webhooks/h1/test"] = (202, DELIVERY)

    done = run("webhooks", "test", "h1", "--wait-s", "0")

    assert done.exit_code == 1
    assert "has not been tried yet" in done.stdout


def test_one_is_sent_again_and_its_new_try_is_waited_for(gateway: StubGateway, run: Run) -> None:
    before = DELIVERY | {"state": "failed", "tries": [TRY]}
    gateway.answers["POST /api/webhooks/h1/deliveries/d1/redeliver"] = (202, before | {"state": "waiting"})
    later = TRY | {"at": "2026-11-30T11:00:00+00:00", "status": 200, "error": None}
    gateway.answers["GET /api/webhooks/h1/deliveries/d1"] = (200, before)
    still = run("webhooks", "redeliver", "h1", "d1", "--wait-s", "0")
    assert still.exit_code == 1

    gateway.answers["POST /api/webhooks/h1/deliveries/d1/redeliver"] = (
        202,
        DELIVERY | {"state": "delivered", "tries": [TRY, later]},
    )
    assert json.loads(run("webhooks", "redeliver", "h1", "d1", "--json").stdout)["state"] == "delivered"


def test_secrets_are_rotated_webhooks_enabled_and_removed(gateway: StubGateway, run: Run) -> None:
    made = {"id": "h1", "secret": "whsec_y", "old_secret_until": "2026-12-01T10:00:00+00:00"}
    gateway.answers["POST /api/webhooks/h1/rotate-secret"] = (200, made)
    gateway.answers["PATCH /api/webhooks/h1"] = (200, HOOK)
    gateway.answers["DELETE /api/webhooks/h1"] = (204, None)
    gateway.answers["DELETE /api/webhooks/h2"] = (404, problem("invalid_request", "there is no webhook 'h2'"))

    assert run("webhooks", "rotate", "h1").stdout.splitlines()[0] == "whsec_y"
    assert "2 deliveries wait" in run("webhooks", "enable", "h1").stdout
    assert gateway.asked[-1].body == {"enabled": True}
    assert "h1 is removed" in run("webhooks", "remove", "h1").stdout
    assert "there is no webhook 'h2'" in run("webhooks", "remove", "h2").stderr
