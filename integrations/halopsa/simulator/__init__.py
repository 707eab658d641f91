"""A stateful stand-in for HaloPSA: its API with OAuth, its Basic-authenticated webhooks, faults on demand."""

from integrations.halopsa.simulator.running import RunningSimulator, serve

__all__ = ["RunningSimulator", "serve"]
