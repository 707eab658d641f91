"""The address that a PSA is given for one connection."""

from integrations.ports import Link
from worker.db.models import ConnectionRow
from worker.services.accounts import open_link
from worker.services.context import Context

#: What stands where a secret word would, in an address that is only shown.
MASK = "***"


def webhook_url(context: Context, public_url: str, row: ConnectionRow) -> str:
    """Return the address to give the PSA; with some providers it holds a secret word."""
    return context.providers[row.provider].webhook_url(_plain(public_url, row), open_link(context, row))


def masked_webhook_url(context: Context, public_url: str, row: ConnectionRow) -> str:
    """Return the same address, fit to be shown: made without opening any secret."""
    provider = context.providers[row.provider]
    masked = Link(str(row.id), row.base_url, dict.fromkeys(provider.credential_names, MASK), (MASK,))
    return provider.webhook_url(_plain(public_url, row), masked)


def _plain(public_url: str, row: ConnectionRow) -> str:
    return f"{public_url.rstrip('/')}/webhooks/{row.provider}/{row.id}"
