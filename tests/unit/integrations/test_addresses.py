"""Where the service may connect to."""

import socket

import pytest

from integrations.addresses import BlockedAddressError, allowed_addresses, check_url, is_public

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 (an address that must be refused)
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fc00::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2002:808:808::1",  # 6to4: through whoever stands at its relay
    "::127.0.0.1",  # IPv4-compatible
    "::ffff:0:127.0.0.1",  # IPv4-translated
    "64:ff9b:1::7f00:1",  # a network's own NAT64
    "2001:0:7f00:1::f7f7:f7f7",  # Teredo
    "fec0::1",
    "4000::1",
    "3fff::1",
    "2600::5efe:7f00:1",  # ISATAP
    "2600::200:5efe:a00:1",
    "192.88.99.1",
]


@pytest.fixture
def resolves_to(monkeypatch: pytest.MonkeyPatch):
    def resolve(*addresses: str) -> None:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: found)

    return resolve


@pytest.mark.parametrize("address", PRIVATE)
def test_private_and_reserved_addresses_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_resolves_to_a_private_address_is_refused(address, resolves_to):
    resolves_to(address)
    with pytest.raises(BlockedAddressError):
        allowed_addresses("https://psa.example.com/", allow_private_hosts=False)


def test_one_private_address_among_public_ones_refuses_the_name(resolves_to):
    resolves_to("8.8.8.8", "10.0.0.1")
    with pytest.raises(BlockedAddressError):
        allowed_addresses("https://psa.example.com/", allow_private_hosts=False)


def test_the_resolved_addresses_are_returned_once_each(resolves_to):
    resolves_to("8.8.8.8", "8.8.8.8", "1.1.1.1")
    assert allowed_addresses("https://psa.example.com", allow_private_hosts=False) == ("8.8.8.8", "1.1.1.1")


def test_private_addresses_are_allowed_where_private_hosts_are(resolves_to):
    resolves_to("127.0.0.1")
    assert allowed_addresses("http://psa.example.com", allow_private_hosts=True) == ("127.0.0.1",)


@pytest.mark.parametrize(
    "url",
    [
        "http://psa.example.com",
        "ftp://psa.example.com",
        "file:///etc/passwd",
        "https://",
        "psa.example.com",
        "https://user:hunter22@psa.example.com",
        "https://psa.example.com\\@evil.example",
        "https://psa.example.com/\n",
        "https://psa.example.com:99999",
        "https://[::1",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
    ],
)
def test_a_url_that_may_not_be_called_is_refused_without_being_repeated(url):
    with pytest.raises(BlockedAddressError) as refusal:
        check_url(url, allow_private_hosts=False)
    assert "hunter22" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_plain_http_is_allowed_only_where_private_hosts_are():
    assert check_url("http://127.0.0.1:8701", allow_private_hosts=True).port == 8701
    with pytest.raises(BlockedAddressError, match="https"):
        check_url("http://psa.example.com", allow_private_hosts=False)
