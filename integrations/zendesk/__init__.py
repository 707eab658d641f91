"""Zendesk Support."""

from collections.abc import Sequence
from datetime import timedelta

from integrations.addresses import check_url
from integrations.ports import Event, Link, WebhookRequest
from integrations.zendesk import webhook
from integrations.zendesk.api import CREDENTIAL_NAMES
from integrations.zendesk.client import ZendeskClient
from integrations.zendesk.mapping import NOTE_LIMIT
from integrations.zendesk.signing import SigningSecrets

#: What Zendesk's own documents show in front of the colon; here it is added, so it must not be given.
TOKEN_MARK = "/token"  # noqa: S105 (no secret: a part of the user name)


class Zendesk:
    """Zendesk Support. Keeps nothing between calls but fetched signing secrets."""

    name = "zendesk"
    credential_names = CREDENTIAL_NAMES
    needs_webhook_secret = False
    #: Sent again where Retry-After says less than 60 s, as integrators quote Zendesk's page (docs/zendesk.md,
    #: Assumptions); the receiver says 2 s.
    unavailable_status = 503
    note_limit = NOTE_LIMIT
    repeatable = False
    carries_commands = False
    #: The smallest plan allows 200 requests a minute for all integrations (API reference, "Rate limits"); a
    #: quarter of that. How many at a time is not limited.
    calls_per_hour = 3_000
    calls_at_once = 4
    #: The export leaves out the latest minute; minutes cover that and clocks that differ.
    reconcile_overlap = timedelta(minutes=5)

    def __init__(self, secrets: SigningSecrets | None = None) -> None:
        self._secrets = secrets or SigningSecrets()

    def check_link(self, link: Link) -> None:
        """Raise ValueError with one plain sentence where the link cannot work as given. No I/O."""
        parts = check_url(link.base_url, allow_private_hosts=link.allow_private_hosts)
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("the base URL of Zendesk is the site alone, as in https://acme.zendesk.com")
        for name in CREDENTIAL_NAMES:
            if not link.credentials.get(name, "").strip():
                raise ValueError(f"Zendesk needs the credential {name}")
        for name, value in link.credentials.items():
            if name not in CREDENTIAL_NAMES:
                raise ValueError(f"Zendesk knows no credential {name}")
            if not (value.isascii() and value.isprintable()) or value != value.strip():
                raise ValueError(f"the credential {name} contains a character that no header may carry")
        if link.credentials["email"].endswith(TOKEN_MARK):
            raise ValueError(f"the credential email is the address alone, without {TOKEN_MARK}")

    def verify(self, request: WebhookRequest, link: Link) -> None:
        """Return only if authentic. May fetch the signing secret, for a few seconds."""
        webhook.verify(request, link, self._secrets)

    def parse(self, request: WebhookRequest) -> Sequence[Event]:
        """Read the body without I/O; a delivery is one event. Raises PayloadError."""
        return (webhook.parse(request),)

    def webhook_url(self, url: str, link: Link) -> str:  # noqa: ARG002 (the port's; no secret in this one)
        """Return the URL as it is: Zendesk signs."""
        return url

    def client(self, link: Link) -> ZendeskClient:
        """Return a client for one connection. No I/O."""
        return ZendeskClient(link)
