"""A stateful stand-in for ConnectWise PSA: its API, its signed callbacks, and faults on demand."""

from integrations.connectwise.simulator.running import RunningSimulator, serve

__all__ = ["RunningSimulator", "serve"]
