"""Standard Webhooks: any tool that can sign one drives walks itself and receives their summaries."""

from collections.abc import Sequence
from datetime import timedelta

from integrations.addresses import check_url
from integrations.ports import Event, Link, WebhookRequest
from integrations.standard import webhook
from integrations.standard.client import StandardClient
from integrations.standard.signature import secret_key


class Standard:
    """The open standard. Stateless."""

    name = "standard"
    credential_names: tuple[str, ...] = ()
    needs_webhook_secret = True
    #: The status for "try again later" that every sender of the specification's example schedule retries.
    unavailable_status = 503
    #: The specification asks for small payloads (ideally below 20 kB) and sets no limit; this is no more than
    #: a bound on one request.
    note_limit = 100_000
    repeatable = True
    carries_commands = True
    #: The receiver is the customer's own; ten calls a second, some at a time, harm nobody.
    calls_per_hour = 36_000
    calls_at_once = 8
    #: There is nothing to reconcile with.
    reconcile_overlap = timedelta(0)

    def check_link(self, link: Link) -> None:
        """Raise ValueError with one plain sentence where the link cannot work as given. No I/O."""
        check_url(link.base_url, allow_private_hosts=link.allow_private_hosts)
        if not link.webhook_secrets:
            raise ValueError("the standard provider needs a webhook secret")
        for secret in link.webhook_secrets:
            secret_key(secret)
        for name in link.credentials:
            raise ValueError(f"the standard provider knows no credential {name}")

    def verify(self, request: WebhookRequest, link: Link) -> None:
        """Return only if authentic. Raises SignatureError; never calls anybody."""
        webhook.verify(request, link)

    def parse(self, request: WebhookRequest) -> Sequence[Event]:
        """Read the body without I/O; a message is one command. Raises PayloadError."""
        return (webhook.parse(request),)

    def webhook_url(self, url: str, link: Link) -> str:  # noqa: ARG002 (the port's; no secret in this one)
        """Return the URL as it is."""
        return url

    def client(self, link: Link) -> StandardClient:
        """Return a client for one connection. No I/O."""
        return StandardClient(link)
