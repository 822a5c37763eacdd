"""Pure: from a network error to a Failure of one of our error types."""

from shared.errors import Failure, failure
from shared.guard.network import network_error
from shared.registry import Model
from shared.registry.secrets import ModelSecrets


def network_failure(error: BaseException, model: Model, timeout_s: float, secrets: ModelSecrets) -> Failure:
    """The Failure of a call. error: of aiohttp, of the socket or of TLS. timeout_s: the one that the call had."""
    error_type, detail = network_error(error, timeout_s)
    address = model.server_address
    return failure(error_type, f"{address} {detail}", model=model.id, host=address, secrets=secrets.to_redact)
