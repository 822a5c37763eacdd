"""The gateway as a caller with one key sees it; for the demos, which need no more than the standard library."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from deploy.local.failure import LocalRunError

_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Reply:
    status: int
    body: dict[str, Any]
    inference_id: str | None


@dataclass(frozen=True)
class Gateway:
    url: str
    key: str

    def call(self, method: str, path: str, body: object = None) -> Reply:
        request = urllib.request.Request(  # noqa: S310 - our own gateway on loopback
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {self.key}", "content-type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                return _reply(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return _reply(error.code, error.headers, error.read())

    def new_tenant(self, tenant: str) -> "Gateway":
        """The same gateway with a key for `tenant`; needs an admin key."""
        reply = self.call("POST", "/api/keys", {"tenant": tenant})
        expect(reply.status == 201, f"a key could not be made: {reply.body}")
        return Gateway(self.url, str(reply.body["key"]))

    def add_model(self, model_id: str, endpoint_url: str, **more: object) -> None:
        body = {"model_id": model_id, "endpoint_url": endpoint_url, "provider": "openai-compatible"} | more
        reply = self.call("POST", "/api/models/custom", body)
        expect(reply.status == 201, f"registering {model_id} failed: {reply.body}")

    def chat(self, model: str, text: str, **more: object) -> Reply:
        body = {"model": model, "messages": [{"role": "user", "content": text}]} | more
        return self.call("POST", "/v1/chat/completions", body)


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise LocalRunError(otherwise)


def _reply(status: int, headers: Any, body: bytes) -> Reply:
    return Reply(status, json.loads(body), headers.get("x-tallygate-inference-id"))
