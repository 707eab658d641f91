"""The one list of providers."""

from collections.abc import Mapping
from types import MappingProxyType

from integrations.autotask import Autotask
from integrations.connectwise import ConnectWise
from integrations.halopsa import HaloPsa
from integrations.ports import Provider
from integrations.standard import Standard
from integrations.zendesk import Zendesk

_ALL: tuple[Provider, ...] = (Autotask(), ConnectWise(), HaloPsa(), Standard(), Zendesk())

PROVIDERS: Mapping[str, Provider] = MappingProxyType({provider.name: provider for provider in _ALL})


class UnknownProviderError(LookupError):
    """No such provider. Its text names those there are."""


def provider(name: str) -> Provider:
    """Return the provider of that name. Raises UnknownProviderError."""
    try:
        return PROVIDERS[name]
    except KeyError:
        raise UnknownProviderError(f"no provider {name}; there are: {', '.join(PROVIDERS)}") from None
