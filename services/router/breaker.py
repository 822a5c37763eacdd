"""Pure: a breaker per model. It opens on consecutive failures, and lets single probes through until one succeeds."""

from dataclasses import dataclass, replace
from typing import Literal

from shared.errors import ErrorType

# Failures for which the endpoint itself is at fault. A key or request that is refused now would be refused again, and
# its error tells the caller more than an open breaker would.
UNWELL: frozenset[ErrorType] = frozenset(
    {
        "endpoint_unreachable",
        "tls_failed",
        "connect_timeout",
        "read_timeout",
        "server_error",
        "overloaded",
        "bad_response",
        "stream_broken",
    }
)


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """open_after: consecutive failed calls. pause_s: until the first probe; doubles while they fail, to max_pause_s."""

    open_after: int = 20
    pause_s: float = 5.0
    max_pause_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """State of one model's breaker. Times are of a monotonic clock, in seconds."""

    failures: int = 0
    open_until: float | None = None
    pause_s: float = 0.0
    probing: bool = False
    last_error: str = ""

    def state(self, now: float) -> Literal["closed", "open", "half_open"]:
        if self.open_until is None:
            return "closed"
        return "open" if now < self.open_until or self.probing else "half_open"

    def entered(self, now: float) -> "Breaker":
        """A call begins; in the half-open state it is the probe."""
        return replace(self, probing=True) if self.state(now) == "half_open" else self

    def succeeded(self) -> "Breaker":
        return CLOSED

    def failed(self, error_type: ErrorType, now: float, policy: BreakerPolicy) -> "Breaker":
        """A call failed. An error outside of UNWELL proves that the endpoint answers, and so closes the breaker."""
        if error_type not in UNWELL:
            return CLOSED
        failures = self.failures + 1
        if not self.probing and failures < policy.open_after:
            return replace(self, failures=failures, last_error=error_type)
        pause_s = min(policy.max_pause_s, self.pause_s * 2 or policy.pause_s) if self.probing else policy.pause_s
        return Breaker(failures, now + pause_s, pause_s, False, error_type)

    def left(self) -> "Breaker":
        """A call ended without telling anything of the endpoint's health: it was cancelled, or never made."""
        return replace(self, probing=False) if self.probing else self


CLOSED = Breaker()
