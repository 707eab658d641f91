"""Where the service may connect to: the one decision against server-side request forgery."""

import ipaddress
import socket
import threading
from concurrent.futures import Future
from typing import Any
from urllib.parse import SplitResult, urlsplit

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

DEFAULT_PORTS = {"http": 80, "https": 443}

#: NAT64 carries an IPv4 address in its last 32 bits (RFC 6052), so a private one could hide in it.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

#: IPv6 addresses that hosts have (RFC 4291). Outside stand private networks, other ways to write an IPv4
#: address (::a.b.c.d, ::ffff:0:a.b.c.d, a network's own NAT64 64:ff9b:1::/48), and what was never given out.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
#: Within it: Teredo and other protocols' (2001::/23), 6to4, and documentation. No PSA stands behind a tunnel
#: whose other end is written in its address.
NO_HOSTS = tuple(map(ipaddress.ip_network, ("2001::/23", "2002::/16", "3fff::/20", "192.88.99.0/24")))
#: Bits 32 to 63 of an ISATAP address (RFC 5214), whose last 32 are an IPv4 address, often a private one.
ISATAP = (0x0000_5EFE, 0x0200_5EFE)

#: The system's resolver asks a second time after 5 s (resolv.conf(5), "timeout"): one lost packet may pass.
RESOLVE_SECONDS = 6.0


class BlockedAddressError(ValueError):
    """The URL may not be called."""


def check_url(url: str, *, allow_private_hosts: bool) -> SplitResult:
    """Return the parts of a URL that may be called as it is written. No I/O.

    https with a host name and without user name or password; http and private addresses only where
    `allow_private_hosts`. Raises BlockedAddressError with one plain sentence that never repeats the URL.
    """
    parts = _split(url)
    if parts.scheme not in DEFAULT_PORTS:
        raise BlockedAddressError("the URL must start with https://")
    if parts.scheme == "http" and not allow_private_hosts:
        raise BlockedAddressError("the URL must use https")
    if not parts.hostname:
        raise BlockedAddressError("the URL names no host")
    if parts.username is not None or parts.password is not None:
        raise BlockedAddressError("the URL must not carry a user name or password")
    if not allow_private_hosts and _is_private_literal(parts.hostname):
        raise BlockedAddressError("the URL points at a private or reserved address")
    return parts


def allowed_addresses(
    url: str, *, allow_private_hosts: bool, seconds: float = RESOLVE_SECONDS
) -> tuple[str, ...]:
    """Resolve the URL's host once and return the addresses that may be connected to, never none.

    One private, loopback, link-local or reserved address among them refuses the whole name.
    Raises BlockedAddressError; OSError where the name cannot be resolved, TimeoutError where not in time.
    """
    parts = check_url(url, allow_private_hosts=allow_private_hosts)
    host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]
    try:
        found = _resolve(host, port, seconds)
    except UnicodeError as error:
        raise BlockedAddressError("the URL's host name is not valid") from error
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not allow_private_hosts and not all(is_public(address) for address in addresses):
        raise BlockedAddressError("the host resolves to a private or reserved address")
    return addresses


def is_public(address: str) -> bool:
    """Return whether the address is a public unicast one, also after unwrapping IPv4 inside IPv6."""
    ip = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
    if any(ip in network for network in NO_HOSTS):
        return False
    if isinstance(ip, ipaddress.IPv6Address) and not _is_host(ip):
        return False
    return ip.is_global and not ip.is_multicast


def _is_host(ip: ipaddress.IPv6Address) -> bool:
    return ip in GLOBAL_UNICAST and int(ip) >> 32 & 0xFFFF_FFFF not in ISATAP


def _resolve(host: str, port: int, seconds: float) -> list[Any]:
    """The system's resolver takes no time-out: it works in a thread, which is left behind when it is late."""
    resolved: Future[list[Any]] = Future()

    def resolve() -> None:
        try:
            resolved.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            resolved.set_exception(error)

    threading.Thread(target=resolve, name="resolver", daemon=True).start()
    return resolved.result(seconds)


def _split(url: str) -> SplitResult:
    if any(ord(character) <= ord(" ") or character == "\\" for character in url):
        raise BlockedAddressError("the URL contains a space, a control character or a backslash")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise BlockedAddressError("the URL cannot be read") from error
    return parts


def _is_private_literal(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _unwrapped(ip: IpAddress) -> IpAddress:
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip
