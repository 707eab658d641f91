"""Where a tenant's API is: Autotask keeps each tenant in a zone, and tells which one by the user's name."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult

from integrations.addresses import BlockedAddressError, check_url
from integrations.answers import Answer
from integrations.autotask.cache import TimedCache
from integrations.autotask.request import OneRequest
from integrations.errors import CallError, PayloadError, RejectedError, UnreachableError
from integrations.ports import Link

#: Answers the look-up for every zone, without credentials (developer help, "REST API zones").
LOOKUP_URL = "https://webservices.autotask.net"
#: A zone's own host, as in webservices2.autotask.net: given as base URL, nothing need be looked up.
ZONE_HOST = re.compile(r"webservices\d+\.autotask\.net", re.IGNORECASE)
CLOUD_DOMAIN = ".autotask.net"
HTTPS_PORT = 443

API_ROOT = "/atservicesrest"
VERSION = "/v1.0"
LOOKUP_PATH = f"{API_ROOT}{VERSION}/zoneInformation"

#: A tenant seldom moves, and a 401 has the zone looked up again. KerkhoffTechnologies/django-autotask keeps
#: it as long.
ZONE_LIFETIME_SECONDS = 12 * 3600.0
#: An unknown user is answered with 500 (KerkhoffTechnologies/django-autotask).
UNKNOWN_USER = 500


@dataclass(frozen=True, slots=True)
class Zone:
    """`origin` is scheme, host and port; `path` stands before every entity's name."""

    origin: str
    path: str


class Zones:
    """The zone of one link, remembered between clients by connection, base URL and user name."""

    def __init__(self, link: Link, username: str, kept: TimedCache[tuple[str, ...], Zone]) -> None:
        self._link = link
        self._username = username
        self._kept = kept
        self._key = (link.connection_id, link.base_url, username)

    def current(self) -> Zone:
        """Return the zone last known, looked up where none is. Raises the CallErrors of a read."""
        known = self._kept.get(self._key)
        if known is not None:
            return known
        return self._keep(_given_zone(self._link)) or self.look_up()

    def look_up(self) -> Zone:
        """Ask Autotask for the zone and remember it. Raises the CallErrors of a read."""
        request = OneRequest(_lookup_origin(self._link), {}, self._link)
        try:
            answer = request.read(LOOKUP_PATH, {"user": self._username})
        except CallError:
            if request.refused is not None and request.refused.status == UNKNOWN_USER:
                raise RejectedError("Autotask knows no API user of that name: check the username") from None
            raise
        zone = _zone(_url_in(answer), self._link)
        self._kept.put(self._key, zone)
        return zone

    def _keep(self, zone: Zone | None) -> Zone | None:
        if zone is not None:
            self._kept.put(self._key, zone)
        return zone


def _given_zone(link: Link) -> Zone | None:
    if not ZONE_HOST.fullmatch(_parts(link.base_url, link).hostname or ""):
        return None
    return _zone(link.base_url, link)


def _lookup_origin(link: Link) -> str:
    parts = _parts(link.base_url, link)
    return LOOKUP_URL if ZONE_HOST.fullmatch(parts.hostname or "") else f"{parts.scheme}://{parts.netloc}"


def _url_in(answer: Answer) -> str:
    try:
        value = answer.json()
    except PayloadError:
        raise UnreachableError("the zone's answer cannot be read") from None
    url = value.get("url") if isinstance(value, dict) else None
    if not isinstance(url, str) or not url:
        raise UnreachableError("the zone's answer names no URL")
    return url


def _zone(url: str, link: Link) -> Zone:
    """The URL may come from an answer, and gets the credentials: it must be Autotask's own."""
    parts = _parts(url, link)
    own = (parts.hostname or "").endswith(CLOUD_DOMAIN) and parts.port in {None, HTTPS_PORT}
    if not (own or link.allow_private_hosts):
        raise RejectedError("the zone's address is refused: it is not under autotask.net")
    root = re.sub(rf"(?i){re.escape(VERSION)}$", "", parts.path.rstrip("/")) or API_ROOT
    return Zone(f"{parts.scheme}://{parts.netloc}", root + VERSION)


def _parts(url: str, link: Link) -> SplitResult:
    try:
        return check_url(url, allow_private_hosts=link.allow_private_hosts)
    except BlockedAddressError as error:
        raise RejectedError(f"not called: {error}") from None
