"""A stateful stand-in for Zendesk: its API, its signed event webhooks, and faults on demand."""

from integrations.zendesk.simulator.running import RunningSimulator, serve

__all__ = ["RunningSimulator", "serve"]
