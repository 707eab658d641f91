"""Autotask PSA (Datto, Kaseya)."""

from collections.abc import Sequence
from datetime import timedelta

from integrations.addresses import check_url
from integrations.autotask import webhook
from integrations.autotask.client import (
    API_RESOURCE,
    CREDENTIAL_NAMES,
    OPTIONAL_CREDENTIALS,
    RECORD_ID,
    AutotaskClient,
)
from integrations.autotask.mapping import NOTE_LIMIT
from integrations.autotask.names import Memory
from integrations.autotask.zones import API_ROOT
from integrations.ports import Event, Link, WebhookRequest

#: Requests an hour that the tenant's whole database is allowed, all integrations together; beyond them the
#: API is closed for everybody (developer help, "API thresholds").
QUOTA = 10_000
#: The part of it that one connection of ours may take: the customer has other integrations.
SHARE = 0.25
#: Threads at a time for one tracking identifier and endpoint (developer help, "Thread limiting").
THREADS = 3
#: Callouts come up to 5 minutes late (developer help, Webhooks); what is listed late is within twice that.
RECONCILE_OVERLAP = timedelta(minutes=10)


class Autotask:
    """Autotask PSA. Keeps nothing between calls but zones and names."""

    name = "autotask"
    credential_names = CREDENTIAL_NAMES
    needs_webhook_secret = True
    #: Sent again five times within two minutes, like everything but a 2xx; 503 says what it is.
    unavailable_status = 503
    note_limit = NOTE_LIMIT
    repeatable = False
    carries_commands = False
    calls_per_hour = int(QUOTA * SHARE)
    calls_at_once = THREADS
    reconcile_overlap = RECONCILE_OVERLAP

    def __init__(self, memory: Memory | None = None) -> None:
        self._memory = memory or Memory()

    def check_link(self, link: Link) -> None:
        """Raise ValueError with one plain sentence where the link cannot work as given. No I/O."""
        parts = check_url(link.base_url, allow_private_hosts=link.allow_private_hosts)
        if parts.path.strip("/").lower() not in {"", API_ROOT.strip("/")} or parts.query or parts.fragment:
            raise ValueError(
                "the base URL of Autotask is https://webservices.autotask.net or the zone's own, without more"
            )
        for name in CREDENTIAL_NAMES:
            if not link.credentials.get(name, "").strip():
                raise ValueError(f"Autotask needs the credential {name}")
        for name, value in link.credentials.items():
            _check_credential(name, value)
        if not link.webhook_secrets:
            raise ValueError("Autotask signs its callouts: a webhook secret is needed")
        if any(len(secret) > webhook.MAX_SECRET for secret in link.webhook_secrets):
            raise ValueError(f"Autotask takes a webhook secret of at most {webhook.MAX_SECRET} characters")

    def verify(self, request: WebhookRequest, link: Link) -> None:
        """Return only if authentic. No I/O. Raises SignatureError."""
        webhook.verify(request, link)

    def parse(self, request: WebhookRequest) -> Sequence[Event]:
        """Read the body without I/O: one event. Raises PayloadError."""
        return (webhook.parse(request),)

    def webhook_url(self, url: str, link: Link) -> str:
        """Return the plain URL, with the API user's resource id at its end where the link names it."""
        return webhook.callout_url(url, link.credentials.get(API_RESOURCE))

    def client(self, link: Link) -> AutotaskClient:
        """Return a client for one connection. No I/O."""
        return AutotaskClient(link, self._memory)


def _check_credential(name: str, value: str) -> None:
    if name not in {*CREDENTIAL_NAMES, *OPTIONAL_CREDENTIALS}:
        raise ValueError(f"Autotask knows no credential {name}")
    if name in OPTIONAL_CREDENTIALS and not RECORD_ID.fullmatch(value):
        raise ValueError(f"the credential {name} is a positive whole number")
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        raise ValueError(f"the credential {name} contains a character that no header may carry")
