"""A stateful stand-in for Autotask PSA: its API, its signed callouts, its limits, and faults on demand."""

from integrations.autotask.simulator.running import RunningSimulator, serve

__all__ = ["RunningSimulator", "serve"]
