"""What the benchmark asks Tallygate over HTTP: models to register, and the books."""

import time
from dataclasses import dataclass
from typing import Any

from deploy.local.failure import LocalRunError
from shared.client import Client
from shared.client.requests import CUSTOM_MODELS, MONITORING, model_body

_POLL_S = 0.2


@dataclass(frozen=True)
class Api:
    gateway: str
    monitor: str
    key: str

    def register(self, model: str, endpoint_url: str) -> None:
        Client(self.gateway, self.key).post(CUSTOM_MODELS, model_body(model, endpoint_url))

    def books(self) -> dict[str, Any]:
        """What the monitor reports; asked directly, so that the gateway's figures stay its own."""
        found: dict[str, Any] = Client(self.monitor, self.key).get(MONITORING, window="1d").body
        return found

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


def read_metric(origin: str, name: str) -> float:
    """The sum over all labels of one Prometheus metric."""
    lines = Client(origin).text("/metrics").splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))
