"""Against real receivers on loopback: what they are sent, and what is made of what they answer."""

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from services.jobs.webhooks.deciding import Answer
from services.jobs.webhooks.posting import Poster, signed
from shared.events import new_id, utc_now
from shared.guard import Guard
from shared.webhooks.secrets import new_secret
from tests.unit.jobs.webhooks.receivers import answers, hangs, receiver
from tests.unit.shared.guard.fakes import FakeDns

LOOPBACK = Guard((ipaddress.ip_network("127.0.0.0/8"),))


@asynccontextmanager
async def poster(guard: Guard = LOOPBACK, timeout_s: float = 30.0) -> AsyncIterator[Poster]:
    made = Poster(guard, timeout_s)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def test_what_is_sent_is_verified_with_either_secret_and_no_other() -> None:
    secrets, body = (new_secret(), new_secret()), '{"type": "a", "data": {"name": "ä"}}'
    message_id = str(new_id())
    async with receiver() as here, poster() as post:
        headers = signed(secrets, message_id, utc_now(), body)
        assert await post.post(here.url, body, headers) == Answer(204, None)

        [received] = here.received
    assert received.headers["webhook-id"] == message_id
    assert received.headers["content-type"] == "application/json"
    for secret in secrets:
        assert Webhook(secret).verify(received.body, received.headers) == {"type": "a", "data": {"name": "ä"}}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(received.body, received.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets[0]).verify(received.body.replace("a", "b"), received.headers)


@pytest.mark.parametrize("status", [400, 401, 410, 429, 500, 503])
async def test_what_is_no_success_says_its_status(status: int) -> None:
    async with receiver(answers(status)) as here, poster() as post:
        assert await post.post(here.url, "{}", {}) == Answer(status, f"answered {status}")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with receiver() as target, receiver(answers(status, location=target.url)) as here, poster() as post:
        answer = await post.post(here.url, "{}", {})

    assert target.received == []
    assert answer.status == status
    assert "a redirect is not followed" in str(answer.error)


async def test_a_receiver_that_does_not_answer_in_time_is_told() -> None:
    async with receiver(hangs) as here, poster(timeout_s=0.2) as post:
        assert await post.post(here.url, "{}", {}) == Answer(None, "did not answer within 0.2 s")


async def test_a_name_that_leads_elsewhere_by_now_is_not_called() -> None:
    """It was public when the webhook was saved, as the guard had it checked."""
    dns = FakeDns([["93.184.216.34"], ["10.0.0.1"]])
    guard = Guard(resolve=dns.resolve)
    await guard.check("http://receiver.example/hook")

    async with poster(guard) as post:
        answer = await post.post("http://receiver.example/hook", "{}", {})

    assert answer == Answer(None, "may not be called: the host resolves to an address that is not public")
    assert len(dns.asked) == 2


async def test_nothing_is_sent_to_a_literal_private_address() -> None:
    async with receiver() as here, poster(Guard()) as post:
        answer = await post.post(here.url, "{}", {})
    assert here.received == []
    assert answer == Answer(None, "may not be called: it is a loopback address")
