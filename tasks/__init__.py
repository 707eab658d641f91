"""The broker's interface: thin named tasks, each one service call. Importing this registers them all."""

from tasks import delivery, maintenance, notes, psa, session, step, timer

__all__ = ["delivery", "maintenance", "notes", "psa", "session", "step", "timer"]
