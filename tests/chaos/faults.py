"""Every fault by its name: what is broken, for how long. Each returns once it is over."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from threading import Event

from tests.chaos.proxy import RunningProxy
from tests.chaos.world import World

#: Both simulators' requests that write: notes of ConnectWise, pushes of the tool.
_CONNECTWISE_NOTES = "/v4_6_release/*/notes"
_CONNECTWISE_ALL = "/v4_6_release/*"
_TOOL = "/webhooks"


@dataclass(frozen=True)
class Fault:
    """One kind of fault. `weight`: how often it comes. False where there was nothing to break just now."""

    weight: int
    cause: Callable[[World, Random], bool]


def _signal(program: str, number: signal.Signals, world: World, _: Random) -> bool:
    return world.fleet.programs[program].signal(number)


def _signal_beats(number: signal.Signals, world: World, _: Random) -> bool:
    """Both: nothing sweeps until one is back."""
    signalled = [world.fleet.programs[name].signal(number) for name in ("beat-1", "beat-2")]
    return all(signalled)


def _kill_child(world: World, _: Random) -> bool:
    return world.fleet.programs["commands"].kill_child()


def _redis_killed(world: World, random: Random, *, lose_data: bool) -> bool:
    world.servers.kill_redis(down_seconds=random.uniform(0.1, 3), lose_data=lose_data)
    return True


def _redis_flushed(world: World, _: Random) -> bool:
    world.servers.flush_redis()
    return True


def _redis_frozen(world: World, random: Random) -> bool:
    world.servers.freeze_redis(random.uniform(1, 7))
    return True


def _postgres_stopped(world: World, random: Random, *, mode: str) -> bool:
    world.servers.stop_postgres(mode, down_seconds=random.uniform(0.1, 3))
    return True


def _backends_terminated(world: World, _: Random) -> bool:
    world.servers.terminate_backends()
    return True


def _cut(proxy: Callable[[World], RunningProxy], world: World, _: Random) -> bool:
    proxy(world).say("cut")
    return True


def _stale(world: World, _: Random) -> bool:
    """Every connection to Redis is half-open from now on, for ever; new ones work."""
    world.redis.say("stale")
    return True


def _silence(proxy: Callable[[World], RunningProxy], world: World, random: Random) -> bool:
    """Nothing answers for a while, new connections neither; then the peer says that it knows nothing."""
    proxy(world).say("silence")
    try:
        Event().wait(random.uniform(1, 6))  # its duration is the fault
    finally:
        proxy(world).say("restore")
        proxy(world).say("cut")
    return True


def _connectwise(world: World, random: Random, **fault: object) -> bool:
    options = {"method": "POST", "path": _CONNECTWISE_NOTES, **fault}
    world.psa.fault(**{"times": random.randint(1, 2), **options})  # type: ignore[arg-type] # fields of Fault
    return True


def _connectwise_reads(world: World, random: Random, **fault: object) -> bool:
    return _connectwise(world, random, **{"method": "*", "path": _CONNECTWISE_ALL, **fault})


def _tool(world: World, random: Random, **fault: object) -> bool:
    world.tool.fault(**{"method": "POST", "path": _TOOL, "times": random.randint(1, 4), **fault})  # type: ignore[arg-type] # fields of Fault
    return True


def _postgres(world: World) -> RunningProxy:
    return world.postgres


def _redis(world: World) -> RunningProxy:
    return world.redis


KILLS: Mapping[str, Fault] = {
    "kill -9 commands worker": Fault(5, partial(_signal, "commands", signal.SIGKILL)),
    "kill -9 threads worker": Fault(5, partial(_signal, "threads", signal.SIGKILL)),
    "kill -9 pool child": Fault(8, _kill_child),
    "kill -9 psa worker": Fault(4, partial(_signal, "psa", signal.SIGKILL)),
    "kill -9 receiver": Fault(4, partial(_signal, "receiver", signal.SIGKILL)),
    "kill -9 beat": Fault(1, partial(_signal, "beat-1", signal.SIGKILL)),
    "kill -9 both beats": Fault(1, partial(_signal_beats, signal.SIGKILL)),
}
PSA_FAULTS: Mapping[str, Fault] = {
    "psa: answer lost after it was stored": Fault(4, partial(_connectwise, kind="lost_answer")),
    "psa: 500 timeout after it was stored": Fault(
        3, partial(_connectwise, kind="status", status=500, body="timeout", apply=True)
    ),
    "psa: stored 8 s after a 504": Fault(
        2, partial(_connectwise, kind="apply_late", status=504, delay_seconds=8)
    ),
    "psa: reset before": Fault(3, partial(_connectwise, kind="reset")),
    "psa: 429 with Retry-After": Fault(
        3, partial(_connectwise_reads, kind="status", status=429, retry_after=2)
    ),
    "psa: 500 timeout": Fault(3, partial(_connectwise_reads, kind="status", status=500, body="timeout")),
    "psa: late answer": Fault(3, partial(_connectwise_reads, kind="delay", delay_seconds=3)),
    "tool: answer lost after it was stored": Fault(3, partial(_tool, kind="lost_answer")),
    "tool: 500": Fault(2, partial(_tool, kind="status", status=500)),
    "tool: 429 with Retry-After": Fault(2, partial(_tool, kind="status", status=429, retry_after=1)),
    "tool: reset before": Fault(2, partial(_tool, kind="reset")),
    "tool: late answer": Fault(2, partial(_tool, kind="delay", delay_seconds=3)),
}
STOPS: Mapping[str, Fault] = {
    "SIGTERM commands worker": Fault(3, partial(_signal, "commands", signal.SIGTERM)),
    "SIGTERM threads worker": Fault(2, partial(_signal, "threads", signal.SIGTERM)),
    "SIGTERM psa worker": Fault(2, partial(_signal, "psa", signal.SIGTERM)),
    "SIGTERM receiver": Fault(2, partial(_signal, "receiver", signal.SIGTERM)),
    "SIGTERM beat": Fault(1, partial(_signal, "beat-1", signal.SIGTERM)),
    "SIGQUIT commands worker": Fault(3, partial(_signal, "commands", signal.SIGQUIT)),
    "SIGQUIT threads worker": Fault(2, partial(_signal, "threads", signal.SIGQUIT)),
    "SIGQUIT psa worker": Fault(1, partial(_signal, "psa", signal.SIGQUIT)),
    "SIGQUIT receiver": Fault(1, partial(_signal, "receiver", signal.SIGQUIT)),
    "SIGQUIT beat": Fault(1, partial(_signal, "beat-1", signal.SIGQUIT)),
}
SERVER_FAULTS: Mapping[str, Fault] = {
    "redis killed": Fault(4, partial(_redis_killed, lose_data=False)),
    "redis killed, data lost": Fault(4, partial(_redis_killed, lose_data=True)),
    "redis flushed": Fault(5, _redis_flushed),
    "redis frozen": Fault(3, _redis_frozen),
    "redis connections cut": Fault(4, partial(_cut, _redis)),
    "redis half-open": Fault(3, _stale),
    "redis silent": Fault(3, partial(_silence, _redis)),
    "postgres immediate stop": Fault(4, partial(_postgres_stopped, mode="immediate")),
    "postgres fast restart": Fault(3, partial(_postgres_stopped, mode="fast")),
    "postgres connections cut": Fault(4, partial(_cut, _postgres)),
    "postgres silent": Fault(2, partial(_silence, _postgres)),
    "postgres backends terminated": Fault(4, _backends_terminated),
}
ALL: Mapping[str, Fault] = {**KILLS, **PSA_FAULTS, **STOPS, **SERVER_FAULTS}
#: What ends a walk's push in the middle is known only a lease (120 s) later; a short run leaves it out.
SLOW_TO_HEAL = frozenset({"kill -9 psa worker", "SIGQUIT psa worker"})
