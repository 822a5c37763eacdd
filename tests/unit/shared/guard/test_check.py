import asyncio
import ipaddress

import pytest

from shared.errors import Failure, TallygateError
from shared.guard import ForbiddenAddressError, Guard, guard
from shared.guard.resolve import Resolve, resolve
from tests.unit.shared.guard.fakes import PUBLIC, FakeDns, dns

HIDDEN = "the host resolves to an address that is not public"


async def refusal_at_save(url: str, answer: Resolve) -> Failure:
    with pytest.raises(TallygateError) as caught:
        await Guard(resolve=answer).check(url)
    return caught.value.failure


async def nothing_is_asked(host: str, port: int) -> list[str]:
    raise AssertionError(f"asked for {host}:{port}")


async def test_a_public_endpoint_is_saved() -> None:
    await Guard(resolve=dns(PUBLIC, "2606:4700::1111")).check("https://models.example/v1")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:8000/v1", "127.0.0.1 may not be called: it is a loopback address"),
        ("http://[::1]:8000/v1", "::1 may not be called: it is a loopback address"),
        ("http://169.254.169.254/latest", "169.254.169.254 may not be called: it is a cloud metadata address"),
        ("http://[::ffff:10.0.0.1]/v1", "it is a private address"),
        ("http://[64:ff9b::808:808]/v1", "NAT64"),
        ("http://8.8.8.8:22/v1", "port 22 is not allowed"),
    ],
)
async def test_a_literal_address_is_refused_with_its_reason_and_without_dns(url: str, why: str) -> None:
    refusal = await refusal_at_save(url, nothing_is_asked)
    assert (refusal.error_type, refusal.http_status) == ("endpoint_forbidden", 400)
    assert why in refusal.detail


@pytest.mark.parametrize(
    "answer",
    [
        ("10.1.2.3",),
        ("127.0.0.1",),
        ("::1",),
        ("169.254.169.254",),
        ("fe80::1%eth0",),
        ("64:ff9b::7f00:1",),
        (PUBLIC, "10.1.2.3"),
        ("10.1.2.3", PUBLIC),
        (PUBLIC, "2606:4700::1111", "fd00::1"),
    ],
)
@pytest.mark.parametrize("host", ["10.1.2.3.nip.io", "localhost", "metadata.google.internal", "evil.example"])
async def test_a_name_is_refused_when_any_address_is_and_no_address_is_told(host: str, answer: tuple[str, ...]) -> None:
    refusal = await refusal_at_save(f"http://{host}/v1", dns(*answer))
    assert (refusal.error_type, refusal.http_status) == ("endpoint_forbidden", 400)
    assert refusal.detail == f"endpoint_url: {host} may not be called: {HIDDEN}"


async def test_the_port_of_a_name_is_told() -> None:
    refusal = await refusal_at_save("http://models.example:25/v1", dns(PUBLIC))
    assert "port 25 is not allowed" in refusal.detail


async def test_a_private_name_on_a_bad_port_tells_no_category() -> None:
    assert HIDDEN in (await refusal_at_save("http://models.example:25/v1", dns("10.0.0.1"))).detail


async def test_a_name_that_cannot_be_resolved_now_is_saved() -> None:
    await Guard(resolve=dns()).check("http://not-yet.example/v1")


async def test_a_name_that_is_resolved_too_slowly_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return ["10.0.0.1"]

    monkeypatch.setattr(guard, "_RESOLVE_S", 0.05)
    await Guard(resolve=slow).check("http://slow.example/v1")


async def test_what_is_no_url_is_not_resolved() -> None:
    refusal = await refusal_at_save("http://user@host/v1", nothing_is_asked)
    assert (refusal.error_type, refusal.http_status) == ("invalid_request", 400)


async def test_an_allowed_network_is_saved_by_address_and_by_name() -> None:
    allowed = Guard((ipaddress.ip_network("10.1.0.0/16"),), dns("10.1.2.3"))
    await allowed.check("http://10.1.2.3:81/v1")
    await allowed.check("http://gpu.internal:81/v1")
    with pytest.raises(TallygateError, match="private"):
        await allowed.check("http://10.2.0.1/v1")


async def test_addresses_are_those_that_were_checked() -> None:
    asked = FakeDns([[PUBLIC, "2606:4700::1111"]])
    assert await Guard(resolve=asked.resolve).addresses("git.example", 443) == [PUBLIC, "2606:4700::1111"]
    assert asked.asked == ["git.example"]


async def test_the_address_of_a_literal_is_itself() -> None:
    assert await Guard(resolve=nothing_is_asked).addresses("8.8.8.8", 443) == ["8.8.8.8"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "fe80::1%eth0"])
async def test_a_literal_that_is_refused_is_an_os_error(host: str) -> None:
    with pytest.raises(ForbiddenAddressError) as caught:
        await Guard(resolve=nothing_is_asked).addresses(host, 443)
    assert isinstance(caught.value, OSError)


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f.1", "2130706433", "0177.0.0.1"])
async def test_what_the_system_takes_for_loopback_is_refused(host: str) -> None:
    """With the real resolver, in case such a text ever gets this far."""
    with pytest.raises(ForbiddenAddressError, match="not public"):
        await Guard().addresses(host, 443)


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..b"])
async def test_a_name_that_cannot_be_asked_for_is_an_os_error(host: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - whatever the system says
        await resolve(host, 443)
