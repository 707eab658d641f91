"""Simulated PSAs whose secrets are planted, and whose people write planted words."""

import base64
from dataclasses import fields, replace
from typing import Any, get_args, get_type_hints

from integrations.simulation.stand_in import StandIn
from tests.acceptance.canaries import SECRET_MARK, WORDS

#: What a credential that nobody else may know has in its name.
SECRET_NAMES = ("key", "secret", "token", "password", "code")


def planted(made: Any, name: str) -> StandIn:
    """Return a stand-in of this class that lets in whoever has the planted credentials."""

    class Planted(made):  # type: ignore[misc] # whichever class it is
        @property
        def webhook_secrets(self) -> tuple[str, ...]:
            own = super().webhook_secrets
            return tuple(_like(secret, name) for secret in own)

        def create_ticket(self, summary: str = "VPN down", **fields: str) -> str:
            return str(super().create_ticket(f"{summary} {WORDS}", **fields))

        def add_note(self, ticket_id: str, text: str, **fields: Any) -> str:
            return str(super().add_note(ticket_id, f"{text} {WORDS}", **fields))

    stand_in: StandIn = Planted(**_planted_identity(made, name))
    world: Any = getattr(stand_in, "world", None)
    if hasattr(world, "signing_key"):
        world.signing_key = _secret(name, "signing_key")
    return stand_in


def secrets_of(stand_in: StandIn) -> list[str]:
    """Return the planted ones among its credentials and webhook secrets."""
    given = [*stand_in.credentials.values(), *stand_in.webhook_secrets]
    encoded = base64.b64encode(SECRET_MARK.encode()).decode()[:16]
    return [secret for secret in given if SECRET_MARK in secret or encoded in secret]


def _planted_identity(made: Any, name: str) -> dict[str, Any]:
    """Return the option that says whom the simulator lets in, where it has one."""
    hint = get_type_hints(made.__init__).get("identity")
    if hint is None:
        return {}
    identity = next(kind for kind in (*get_args(hint), hint) if kind is not type(None))()
    names = [field.name for field in fields(identity) if any(word in field.name for word in SECRET_NAMES)]
    return {"identity": replace(identity, **{field: _secret(name, field) for field in names})}


def _secret(name: str, field: str) -> str:
    return f"{SECRET_MARK}-{name}-{field.replace('_', '-')}"


def _like(secret: str, name: str) -> str:
    """Return a planted secret of the same form: `whsec_…`, `user:password`, or any text."""
    value = _secret(name, "webhook-secret")
    if secret.startswith("whsec_"):
        return "whsec_" + base64.b64encode(value.encode()).decode()
    user, colon, _ = secret.partition(":")
    return f"{user}:{value}" if colon else value
