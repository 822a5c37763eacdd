"""Which headers a model may be registered with.

Connections to an endpoint are shared by all tenants that call it. A header that says where a request ends or what
becomes of its connection is the transport's to write: with another length than that of its body, one tenant's request
would swallow the next tenant's.
"""

from collections.abc import Mapping

_OF_THE_TRANSPORT = frozenset(
    {
        "host", "content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive", "te", "trailer",
        "upgrade", "expect",
    }
)  # fmt: skip


def is_of_the_transport(name: str) -> bool:
    lowered = name.lower()
    return lowered in _OF_THE_TRANSPORT or lowered.startswith("proxy-")


def sendable(headers: Mapping[str, str]) -> dict[str, str]:
    """By lower-case name; without what is the transport's, which models that were stored earlier may have."""
    return {name.lower(): value for name, value in headers.items() if not is_of_the_transport(name)}
