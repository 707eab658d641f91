"""ConnectWise PSA (Manage)."""

from integrations.addresses import check_url
from integrations.connectwise import webhook
from integrations.connectwise.client import API_MEMBER, CREDENTIAL_NAMES, ConnectWiseClient
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

    def parse(self, request: WebhookRequest) -> Event:
        """Read the body without I/O. Raises PayloadError."""
        return webhook.parse(request)

    def client(self, link: Link) -> ConnectWiseClient:
        """Return a client for one connection. No I/O."""
        return ConnectWiseClient(link)
