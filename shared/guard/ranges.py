"""Pure: which addresses and ports are not for the public internet, each with its reason.

The tables follow IANA's registries of special-purpose addresses. They are written out, because what `is_global` of
the standard library knows differs between patch releases of Python; it is asked after the tables, never alone.
"""

import ipaddress
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Ranges: TypeAlias = tuple[tuple[Network, str], ...]

_PRIVILEGED_PORTS = 1024
_WEB_PORTS = (80, 443)
_LAST_PORT = 65535

_METADATA = "it is a cloud metadata address"
_PRIVATE = "it is a private address"
_DOCUMENTATION = "it is an address for documentation"
_OTHER = "it is not a public address"
_EMBEDS_IPV4 = "it is an address that leads to an IPv4 address"

_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")  # IANA has given out global unicast addresses from here only
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")


class ForbiddenAddressError(OSError):
    """An address that must not be dialled. An OSError, which is what code that dials expects.

    The text is the reason. It never holds the address that a host name led to: a tenant must not map internal names.
    """


def _ranges(*entries: tuple[str, str]) -> Ranges:
    return tuple((ipaddress.ip_network(network), why) for network, why in entries)


# The first range that holds an address gives the reason, so the small ones come first.
_NOT_PUBLIC_IPV4 = _ranges(
    ("169.254.169.254/32", _METADATA),  # AWS, Azure, Google and others
    ("169.254.170.2/32", _METADATA),  # AWS, of containers
    ("168.63.129.16/32", _METADATA),  # Azure's wire server, in a range that is global otherwise
    ("100.100.100.200/32", _METADATA),  # Alibaba
    ("192.0.0.192/32", _METADATA),  # Oracle
    ("255.255.255.255/32", "it is the broadcast address"),
    ("0.0.0.0/32", "it is the unspecified address"),
    ("0.0.0.0/8", "it is an address of this network"),
    ("10.0.0.0/8", _PRIVATE),
    ("172.16.0.0/12", _PRIVATE),
    ("192.168.0.0/16", _PRIVATE),
    ("100.64.0.0/10", "it is an address behind a carrier's NAT"),
    ("127.0.0.0/8", "it is a loopback address"),
    ("169.254.0.0/16", "it is a link-local address"),
    ("192.0.0.0/24", "it is a reserved address"),
    ("192.0.2.0/24", _DOCUMENTATION),
    ("198.51.100.0/24", _DOCUMENTATION),
    ("203.0.113.0/24", _DOCUMENTATION),
    ("192.88.99.0/24", "it is a 6to4 relay"),
    ("198.18.0.0/15", "it is an address for benchmarks"),
    ("224.0.0.0/4", "it is a multicast address"),
    ("240.0.0.0/4", "it is a reserved address"),
)
_NOT_PUBLIC_IPV6 = _ranges(
    ("fd00:ec2::254/128", _METADATA),  # AWS
    ("fd20:ce::254/128", _METADATA),  # Google
    ("::1/128", "it is a loopback address"),
    ("::/128", "it is the unspecified address"),
    ("64:ff9b::/96", f"{_EMBEDS_IPV4} (NAT64)"),
    ("64:ff9b:1::/48", f"{_EMBEDS_IPV4} (NAT64)"),
    ("2001::/32", f"{_EMBEDS_IPV4} (Teredo)"),
    ("2002::/16", f"{_EMBEDS_IPV4} (6to4)"),
    ("2001:2::/48", "it is an address for benchmarks"),
    ("2001::/23", "it is a reserved address"),
    ("2001:db8::/32", _DOCUMENTATION),
    ("3fff::/20", _DOCUMENTATION),
    ("fc00::/7", _PRIVATE),
    ("fe80::/10", "it is a link-local address"),
    ("fec0::/10", "it is a site-local address"),
    ("ff00::/8", "it is a multicast address"),
)


def parsed(address: str) -> Address | None:
    """The address, an IPv4-mapped IPv6 one (::ffff:0:0/96) as IPv4; None when the text is no plain address.

    Strict on purpose: 127.1, 0x7f.1 and 2130706433 are addresses to the C library, but not in the usual notation.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None and found.scope_id is None:
        return found.ipv4_mapped
    return found


def address_refusal(address: Address) -> str | None:
    """Why this is no public address; None when it is one. Expects what `parsed` returns."""
    if isinstance(address, ipaddress.IPv4Address):
        return _reason_in(_NOT_PUBLIC_IPV4, address) or (None if address.is_global else _OTHER)
    if address in _IPV4_COMPATIBLE and int(address) > 1:
        embedded = ipaddress.IPv4Address(int(address))
        return _reason_in(_NOT_PUBLIC_IPV4, embedded) or f"{_EMBEDS_IPV4} (IPv4-compatible)"
    public = address in _PUBLIC_IPV6 and address.is_global
    return _reason_in(_NOT_PUBLIC_IPV6, address) or (None if public else _OTHER)


def port_refusal(port: int) -> str | None:
    """Why this port must not be dialled. Below 1024 live services that a forged HTTP request could be meant for."""
    if port in _WEB_PORTS or _PRIVILEGED_PORTS <= port <= _LAST_PORT:
        return None
    return f"port {port} is not allowed; below {_PRIVILEGED_PORTS} only 80 and 443 are"


def _reason_in(ranges: Ranges, address: Address) -> str | None:
    return next((why for network, why in ranges if address in network), None)
