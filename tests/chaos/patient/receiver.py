"""The receiver of the tenant's webhook: it verifies what comes when it comes, and refuses something now and then."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from shared.client.requests import WEBHOOKS
from tests.chaos.patient.words import Told
from tests.support.live import Api
from tests.unit.jobs.webhooks.receivers import receiver

_REFUSED = 100  # of so many events, one is refused when it comes for the first time
_NOT_NOW, _TAKEN = 503, 204


class Receiver:
    def __init__(self) -> None:
        self.told: list[Told] = []
        self.secret = ""
        self._known: set[str] = set()

    async def on_request(self, request: web.BaseRequest) -> web.StreamResponse:
        body, event_id = await request.text(), request.headers["webhook-id"]
        taken = event_id in self._known or len(self._known) % _REFUSED != 1
        self._known.add(event_id)
        self.told.append(self._told(event_id, body, dict(request.headers), taken))
        return web.Response(status=_TAKEN if taken else _NOT_NOW)

    def _told(self, event_id: str, body: str, headers: dict[str, str], taken: bool) -> Told:
        try:
            data = Webhook(self.secret).verify(body, {name.lower(): text for name, text in headers.items()})["data"]
        except WebhookVerificationError:
            return Told(event_id, "", "", signed=False, taken=taken)
        if "batch_id" in data:
            return Told(event_id, data["batch_id"], data["status"], signed=True, taken=taken)
        return Told(event_id, data["inference_id"], data["settlement"], signed=True, taken=taken)


@asynccontextmanager
async def receiving(api: Api) -> AsyncIterator[Receiver]:
    """Of a webhook that is told of all ends of the tenant's inferences and batches."""
    found = Receiver()
    async with receiver(found.on_request) as server:
        hook = {"url": server.url, "events": ["inference.settled", "batch.finished"]}
        answer = await api.post(WEBHOOKS, hook)
        assert answer.status == 201, answer
        found.secret = answer.body["secret"]
        yield found
