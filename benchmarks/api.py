"""What the benchmark asks over HTTP: models to register, the books, and the model server's ledger."""

import json
import time
import urllib.request
from dataclasses import dataclass
from typing import Any

from deploy.local.failure import LocalRunError

_TIMEOUT_S = 30.0
_POLL_S = 0.2


@dataclass(frozen=True)
class Api:
    gateway: str
    monitor: str
    model_server: str
    key: str

    @property
    def authorization(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def register(self, model: str) -> None:
        body = {"model_id": model, "endpoint_url": f"{self.model_server}/v1", "provider": "openai-compatible"}
        _json(f"{self.gateway}/api/models/custom", self.authorization, body)

    def books(self) -> dict[str, Any]:
        """What the monitor reports; asked directly, so that the gateway's figures stay its own."""
        return _json(f"{self.monitor}/api/models/custom/monitoring?window=1d", self.authorization)

    def wait_booked(self, inferences: int, timeout_s: float = 120.0) -> None:
        """Until so many are settled in the books and no attempt is open."""
        deadline = time.monotonic() + timeout_s
        while True:
            books = self.books()
            settled, still_open = books["requests"]["total"], books["attempts"]["open"]
            if settled >= inferences and still_open == 0:
                return
            if time.monotonic() > deadline:
                raise LocalRunError(f"The monitor has booked {settled} of {inferences} ({still_open} attempts open).")
            time.sleep(_POLL_S)

    def ledger(self) -> dict[str, Any]:
        """Of the model server, without its entries."""
        return _json(f"{self.model_server}/ledger?entries=false")

    def ledger_request_ids(self, since: int) -> list[str | None]:
        """The `x-request-id` of every call after that number; the router sends the attempt's id."""
        entries = _json(f"{self.model_server}/ledger?since={since}")["entries"]
        return [entry["request_id"] for entry in entries]


def read_metric(origin: str, name: str) -> float:
    """The sum over all labels of one Prometheus metric."""
    request = urllib.request.Request(f"{origin}/metrics")  # noqa: S310 - our own http URL
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - the same
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))


def _json(url: str, headers: dict[str, str] | None = None, body: object = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json", **(headers or {})})  # noqa: S310
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - our own http URL
        value: dict[str, Any] = json.load(answer)
    return value
