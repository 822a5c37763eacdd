import pytest

from shared.registry.headers import is_of_the_transport, sendable


@pytest.mark.parametrize(
    "name",
    ["host", "content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive", "te", "trailer",
     "upgrade", "expect", "proxy-authorization", "proxy-", "Content-Length", "TRANSFER-ENCODING", "Proxy-Connection"],
)  # fmt: skip
def test_what_only_the_transport_may_write(name: str) -> None:
    assert is_of_the_transport(name)
    assert sendable({name: "x", "X-Team": "a"}) == {"x-team": "a"}


@pytest.mark.parametrize("name", ["authorization", "x-host", "proxy", "content-type", "cookie", "team", "hosts"])
def test_all_others_may_be_given(name: str) -> None:
    assert not is_of_the_transport(name)
