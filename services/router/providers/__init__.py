"""All HTTP of the router: one file per wire format, one transport."""

from services.router.providers.transport import CallFailedError, Transport
from services.router.providers.wire import Completion

__all__ = ["CallFailedError", "Completion", "Transport"]
