import ipaddress

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shared.guard import Guard
from shared.guard.ranges import Network

GUARD = Guard()
LOCAL = Guard((ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001:80b::200e",
        "2400:cb00::1",
        "::ffff:8.8.8.8",
    ],
)
def test_a_public_address_may_be_dialled(address: str) -> None:
    assert GUARD.refusal(address, 443) is None


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("0:0:0:0:0:0:0:1", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("0.1.2.3", "this network"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("fc00::1", "private"),
        ("fd12:3456::1", "private"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("febf::1", "link-local"),
        ("fec0::1", "site-local"),
        ("100.64.0.1", "carrier's NAT"),
        ("100.127.255.255", "carrier's NAT"),
        ("192.0.0.8", "reserved"),
        ("192.0.0.170", "reserved"),
        ("192.0.2.1", "documentation"),
        ("198.51.100.1", "documentation"),
        ("203.0.113.1", "documentation"),
        ("2001:db8::1", "documentation"),
        ("3fff::1", "documentation"),
        ("198.18.0.1", "benchmarks"),
        ("198.19.255.255", "benchmarks"),
        ("2001:2::1", "benchmarks"),
        ("192.88.99.1", "6to4 relay"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("ff02::1", "multicast"),
        ("ff0e::1", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.254", "reserved"),
        ("255.255.255.255", "broadcast"),
        ("2001:10::1", "reserved"),
        ("2001:20::1", "reserved"),
        ("100::1", "not a public address"),
        ("4000::1", "not a public address"),
        ("5f00::1", "not a public address"),
    ],
)
def test_an_address_that_is_not_public_is_refused_in_words(address: str, why: str) -> None:
    assert why in (GUARD.refusal(address, 443) or "")


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
        "::ffff:169.254.169.254",
        "::ffff:168.63.129.16",
        "::ffff:a9fe:a9fe",
        "::169.254.169.254",
    ],
)
def test_a_metadata_address_is_refused_in_every_form(address: str) -> None:
    assert GUARD.refusal(address, 80) == "it is a cloud metadata address"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:7f00:1", "loopback"),
        ("0:0:0:0:0:ffff:10.0.0.1", "private"),
        ("::127.0.0.1", "loopback"),
        ("::10.0.0.1", "private"),
        ("::8.8.8.8", "IPv4-compatible"),
        ("64:ff9b::127.0.0.1", "NAT64"),
        ("64:ff9b::8.8.8.8", "NAT64"),
        ("64:ff9b:1::a00:1", "NAT64"),
        ("2002:7f00:1::", "6to4"),
        ("2002:808:808::1", "6to4"),
        ("2001::1", "Teredo"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo"),
    ],
)
def test_an_ipv4_address_within_an_ipv6_address_is_judged(address: str, why: str) -> None:
    assert why in (GUARD.refusal(address, 443) or "")


@pytest.mark.parametrize("address", ["fe80::1%eth0", "2606:4700::1%1", "::1%lo", "::ffff:8.8.8.8%eth0"])
def test_an_address_with_a_scope_is_refused_even_if_its_network_is_allowed(address: str) -> None:
    everything = Guard((ipaddress.ip_network("::/0"), ipaddress.ip_network("0.0.0.0/0")))
    assert everything.refusal(address, 443) == "it names a network interface"


@pytest.mark.parametrize(
    "text",
    ["", "example.com", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", " 127.0.0.1",
     "[::1]", "127.0.0.1/32", "\uff11\uff12\uff17.0.0.1", "0:0", "256.1.1.1", "010.0.0.1", "8.8.8.8%eth0"],
)  # fmt: skip
def test_what_is_not_an_address_in_its_usual_form_is_refused(text: str) -> None:
    everything = Guard((ipaddress.ip_network("::/0"), ipaddress.ip_network("0.0.0.0/0")))
    assert everything.refusal(text, 443) == "it is not an IP address"


@pytest.mark.parametrize("port", [80, 443, 1024, 8000, 65535])
def test_a_port_of_the_web_or_of_users_may_be_dialled(port: int) -> None:
    assert GUARD.refusal("8.8.8.8", port) is None


@pytest.mark.parametrize("port", [-1, 0, 1, 22, 25, 53, 79, 81, 442, 444, 1023, 65536])
def test_a_port_of_the_system_is_refused(port: int) -> None:
    assert f"port {port} is not allowed" in (GUARD.refusal("8.8.8.8", port) or "")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("port", [22, 80, 8000])
def test_an_allowed_network_may_be_dialled_on_every_port(address: str, port: int) -> None:
    assert LOCAL.refusal(address, port) is None


def test_an_allowed_ipv6_network_opens_no_ipv4_address() -> None:
    assert Guard((ipaddress.ip_network("::/0"),)).refusal("::ffff:10.0.0.1", 443) == "it is a private address"


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "::2", "0.0.0.0", "::", "::127.0.0.1"])
def test_what_is_allowed_opens_nothing_else(address: str) -> None:
    assert LOCAL.refusal(address, 443) is not None


def _is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_global


@given(st.ip_addresses())
@example(ipaddress.ip_address("192.0.0.170"))
@example(ipaddress.ip_address("::ffff:192.168.0.1"))
def test_whatever_is_not_global_is_refused(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert _is_global(address) or GUARD.refusal(str(address), 443) is not None


@given(st.ip_addresses(), st.integers(0, 32), st.integers(0, 65535))
def test_whatever_is_in_an_allowed_network_may_be_dialled(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, prefix: int, port: int
) -> None:
    assume(not isinstance(address, ipaddress.IPv6Address) or address.ipv4_mapped is None)
    network: Network = ipaddress.ip_network(f"{address}/{prefix}", strict=False)
    assert Guard((network,)).refusal(str(address), port) is None


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:", "::", "64:ff9b::", "64:ff9b:1::"]))
def test_no_clothes_make_an_address_public(address: ipaddress.IPv4Address, clothes: str) -> None:
    plain, dressed = GUARD.refusal(str(address), 443), GUARD.refusal(f"{clothes}{address}", 443)
    assert plain is None or dressed is not None


@given(st.ip_addresses(v=4))
def test_a_6to4_address_is_never_public(address: ipaddress.IPv4Address) -> None:
    high, low = int(address) >> 16, int(address) & 0xFFFF
    assert GUARD.refusal(f"2002:{high:x}:{low:x}::1", 443) is not None
