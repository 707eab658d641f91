"""ConnectWise PSA (Manage)."""

from collections.abc import Sequence
from datetime import timedelta

from integrations.addresses import check_url
from integrations.connectwise import webhook
from integrations.connectwise.api import CREDENTIAL_NAMES
from integrations.connectwise.callbacks import callback_url
from integrations.connectwise.client import API_MEMBER, ConnectWiseClient
from integrations.connectwise.keys import SigningKeys
from integrations.connectwise.mapping import NOTE_LIMIT
from integrations.ports import Event, Link, WebhookRequest


class ConnectWise:
    """ConnectWise PSA. Keeps nothing between calls but fetched signing keys."""

    name = "connectwise"
    credential_names = CREDENTIAL_NAMES
    needs_webhook_secret = False
    #: The one honest "not now" that ConnectWise sends again (PSA Callbacks: only 404, 409, 419 and 429).
    unavailable_status = 429
    note_limit = NOTE_LIMIT
    repeatable = False
    carries_commands = False
    #: "Over 1 000 requests per minute will likely be limited" (Developer Guide), and the customer has other
    #: integrations: a quarter of that. How many at a time is not limited; a person's own tools use a few.
    calls_per_hour = 15_000
    calls_at_once = 8
    #: Changes are listed with whole seconds and by ConnectWise's own clock; minutes cover both generously.
    reconcile_overlap = timedelta(minutes=5)

    def __init__(self, keys: SigningKeys | None = None) -> None:
        self._keys = keys or SigningKeys()

    def check_link(self, link: Link) -> None:
        """Raise ValueError with one plain sentence where the link cannot work as given. No I/O."""
        parts = check_url(link.base_url, allow_private_hosts=link.allow_private_hosts)
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(
                "the base URL of ConnectWise is the site alone, as in https://api-na.myconnectwise.net"
            )
        for name in CREDENTIAL_NAMES:
            if not link.credentials.get(name, "").strip():
                raise ValueError(f"ConnectWise needs the credential {name}")
        for name, value in link.credentials.items():
            if name not in {*CREDENTIAL_NAMES, API_MEMBER}:
                raise ValueError(f"ConnectWise knows no credential {name}")
            if not (value.isascii() and value.isprintable()) or value != value.strip():
                raise ValueError(f"the credential {name} contains a character that no header may carry")

    def verify(self, request: WebhookRequest, link: Link) -> None:
        """Return only if authentic. May fetch the signing key, for at most about 3 seconds."""
        webhook.verify(request, link, self._keys)

    def parse(self, request: WebhookRequest) -> Sequence[Event]:
        """Read the body without I/O; a callback is one event. Raises PayloadError."""
        return (webhook.parse(request),)

    def webhook_url(self, url: str, link: Link) -> str:  # noqa: ARG002 (the port's; no secret in this one)
        """Return the URL ending with the open parameter that ConnectWise writes the ticket's id into."""
        return callback_url(url)

    def client(self, link: Link) -> ConnectWiseClient:
        """Return a client for one connection. No I/O."""
        return ConnectWiseClient(link)
