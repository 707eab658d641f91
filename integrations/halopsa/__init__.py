"""HaloPSA (HaloITSM and HaloCRM share its API)."""

from collections.abc import Sequence
from datetime import timedelta

from integrations.addresses import check_url
from integrations.halopsa import webhook
from integrations.halopsa.client import HaloPsaClient
from integrations.halopsa.mapping import NOTE_LIMIT
from integrations.halopsa.oauth import Tokens
from integrations.halopsa.settings import CREDENTIAL_NAMES, check_credentials
from integrations.ports import Event, Link, WebhookRequest


class HaloPsa:
    """HaloPSA. Keeps nothing between calls but access tokens."""

    name = "halopsa"
    credential_names = CREDENTIAL_NAMES
    needs_webhook_secret = True
    #: HaloPSA sends nothing again whatever the answer is; this one says what is so.
    unavailable_status = 503
    note_limit = NOTE_LIMIT
    repeatable = False
    carries_commands = False
    #: HaloPSA publishes no number. One call a second, two at a time, is what its users' scripts keep to:
    #: homotechsual/HaloAPI pauses 30 s after 100 writes, ProvisionData's client waits 60 s after a 429.
    calls_per_hour = 3600
    calls_at_once = 2
    #: HaloPSA never sends a webhook again, so the reconcile is no spare way but the second one; and changes
    #: were seen to become readable only minutes after they were answered.
    reconcile_overlap = timedelta(minutes=30)

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._tokens = tokens or Tokens()

    def check_link(self, link: Link) -> None:
        """Raise ValueError with one plain sentence where the link cannot work as given. No I/O."""
        parts = check_url(link.base_url, allow_private_hosts=link.allow_private_hosts)
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("the base URL of HaloPSA is the site alone, as in https://acme.halopsa.com")
        check_credentials(link)
        if not link.webhook_secrets:
            raise ValueError("HaloPSA needs a webhook secret: user:password, as HaloPSA will send them")
        for secret in link.webhook_secrets:
            webhook.check_secret(secret)

    def verify(self, request: WebhookRequest, link: Link) -> None:
        """Return only if authentic. Raises SignatureError; never calls anybody."""
        webhook.verify(request, link)

    def parse(self, request: WebhookRequest) -> Sequence[Event]:
        """Read the body without I/O. Raises PayloadError."""
        return webhook.parse(request)

    def webhook_url(self, url: str, link: Link) -> str:
        """Return the address with the path word of the newest secret at its end. Raises ValueError."""
        if not link.webhook_secrets:
            raise ValueError("HaloPSA needs a webhook secret: user:password, as HaloPSA will send them")
        return f"{url.rstrip('/')}/{webhook.path_word(link.webhook_secrets[0], link.connection_id)}"

    def client(self, link: Link) -> HaloPsaClient:
        """Return a client for one connection. No I/O."""
        return HaloPsaClient(link, self._tokens)
