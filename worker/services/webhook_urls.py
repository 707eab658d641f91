"""The address that a PSA is given for one connection."""

from dataclasses import replace

from worker.db.models import ConnectionRow
from worker.errors import ConfigurationError
from worker.services.accounts import open_link
from worker.services.context import Context

#: What stands where a secret word would, in an address that is only shown.
MASK = "***"


def webhook_url(context: Context, public_url: str, row: ConnectionRow) -> str:
    """Return the address to give the PSA; with some providers it holds a secret word."""
    return context.providers[row.provider].webhook_url(_plain(public_url, row), open_link(context, row))


def masked_webhook_url(context: Context, public_url: str, row: ConnectionRow) -> str:
    """Return the same address, fit to be shown: what depends on a webhook secret is masked."""
    provider, plain = context.providers[row.provider], _plain(public_url, row)
    try:
        link = open_link(context, row)
        url = provider.webhook_url(plain, link)
        others = tuple(f"{secret}x" for secret in link.webhook_secrets)
        depends = provider.webhook_url(plain, replace(link, webhook_secrets=others)) != url
    except (ConfigurationError, ValueError):
        return f"{plain}/{MASK}"  # a key is missing: the rest of the list is still worth showing
    return f"{plain}/{MASK}" if depends else url


def _plain(public_url: str, row: ConnectionRow) -> str:
    return f"{public_url.rstrip('/')}/webhooks/{row.provider}/{row.id}"
