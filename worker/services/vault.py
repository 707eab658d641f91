"""Secrets at rest: encrypted with rotating Fernet keys, opened only to make a `Link`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from worker.domain import marker
from worker.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a connection keeps secret."""

    credentials: Mapping[str, str] = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)


class Vault:
    """Seals and opens secrets. The first key seals; every key opens."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._first = Fernet(keys[0])
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._marker_secret = keys[0]

    def seal(self, secrets: Secrets) -> bytes:
        """Return the secrets encrypted."""
        document = {"credentials": dict(secrets.credentials), "webhook_secrets": secrets.webhook_secrets}
        return self._fernet.encrypt(json.dumps(document).encode())

    def open(self, sealed: bytes) -> Secrets:
        """Return the secrets. Raises ConfigurationError where no key fits."""
        try:
            document = json.loads(self._fernet.decrypt(sealed))
        except InvalidToken:
            raise ConfigurationError(
                "the connection's secrets cannot be opened; TICKETWALK_SECRET_KEYS lacks their key"
            ) from None
        return Secrets(document["credentials"], tuple(document["webhook_secrets"]))

    def resealed(self, sealed: bytes) -> bytes | None:
        """Return the secrets sealed with the first key; None where they are already.

        Raises ConfigurationError where no key fits.
        """
        try:
            self._first.decrypt(sealed)
        except InvalidToken:
            return self.seal(self.open(sealed))
        return None

    def marker(self, entry_key: str) -> str:
        """Return the mark of one outbox entry; nobody without the key can make it up."""
        return marker.marker(self._marker_secret, entry_key)
