"""`make fuzz`: every parser guided by coverage, and a receiver under hostile requests; measured and judged.

Usage: python -m tests.fuzz [--minutes 10] [--requests 100000] [--inputs 1000000] [--seed 1]
"""

import argparse
import importlib.util
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from redis import Redis

from integrations.registry import PROVIDERS
from integrations.standard.simulator import DEMO_SECRET
from tests.fuzz.inputs import mutated, seeds
from tests.fuzz.parsers import PARSERS
from tests.fuzz.storm import Storm
from worker.demo.service import RunningService, running_service
from worker.runtime.home import Home

ROOT = Path(__file__).parents[2]
#: Where a provider's secret is no `whsec_`.
SECRETS = {"halopsa": "ticketwalk:a-password-of-the-fuzzing"}
#: Of the time, this is for the parsers; as much is for requests, and what is left for the schema.
SHARE = 0.45
#: Memory is compared with what a receiver has after so many requests.
WARM_REQUESTS = 5_000
#: More memory than that, in bytes, is taken for growth: in the full run 0.2 KiB per request.
MAX_GROWTH = 20 * 1024 * 1024


def main() -> int:
    """Return 1 where anything broke."""
    options = _options()
    seconds = options.minutes * 60
    began = time.monotonic()
    problems = _parsers(options.inputs, seconds * SHARE, options.seed)
    with tempfile.TemporaryDirectory(prefix="tw-", ignore_cleanup_errors=True) as path:
        directory = Path(path)
        with running_service(directory) as service:
            problems += _requests(service, options.requests, seconds * SHARE, options.seed)
            problems += _schema(service, max(30.0, seconds - (time.monotonic() - began)))
        problems += _log(directory / "service.log")
    for problem in problems:
        print(f"BROKEN    {problem}")  # noqa: T201 - the report
    print(f"{'FAILED' if problems else 'nothing broke'} in {time.monotonic() - began:.0f} s")  # noqa: T201
    return int(bool(problems))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _parsers(inputs: int, seconds: float, seed: int) -> list[str]:
    began = time.monotonic()
    guided = importlib.util.find_spec("atheris") is not None
    done, problems = _guided(inputs, seconds, seed) if guided else _unguided(inputs, seconds, seed)
    how = "guided by coverage" if guided else "without atheris, so not guided"
    _say("parsers", f"{done} inputs for {len(PARSERS)} parsers in {time.monotonic() - began:.0f} s, {how}")
    return problems


def _guided(inputs: int, seconds: float, seed: int) -> tuple[int, list[str]]:
    with tempfile.TemporaryDirectory() as corpus:
        limits = (
            corpus,
            f"-runs={inputs}",
            f"-max_total_time={seconds:.0f}",
            f"-seed={seed}",
            "-max_len=4096",
        )
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.guided", *limits, "-print_final_stats=1"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    found = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    broken = [] if done.returncode == 0 else [f"a parser: {done.stderr[-2_000:]}{done.stdout[-2_000:]}"]
    rss = re.search(r"stat::peak_rss_mb:\s*(\d+)", done.stderr)
    _say("parsers", f"peak memory {rss.group(1) if rss else '?'} MB")
    return int(found.group(1)) if found else 0, broken


def _unguided(inputs: int, seconds: float, seed: int) -> tuple[int, list[str]]:
    choice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    deadline, problems, done = time.monotonic() + seconds, [], 0
    parsers = sorted(PARSERS.items())
    while done < inputs and time.monotonic() < deadline:
        name, parser = parsers[done % len(parsers)]
        data = mutated(choice.choice(seeds(parser.kind)), choice)
        done += 1
        try:
            parser.survives(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            problems.append(f"{name}: {type(error).__name__} for {data!r}")
    return done, problems


def _requests(service: RunningService, requests: int, seconds: float, seed: int) -> list[str]:
    urls = _set_up(service)
    port = int(service.url.rpartition(":")[2])
    targets = [url.removeprefix(service.url).partition("?")[0] for url in urls]
    receiver = _receiver(service)
    before = _stored(service)
    warm = Storm(port, targets, requests=min(WARM_REQUESTS, requests), seconds=seconds, seed=seed).run()
    warm_bytes, began = receiver.memory_info().rss, time.monotonic()
    tally = Storm(port, targets, requests=requests - warm.total, seconds=seconds, seed=seed + 1).run()
    took, grown = time.monotonic() - began, receiver.memory_info().rss - warm_bytes
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(tally.statuses.items()))
    _say("requests", f"{warm.total + tally.total} in all; {tally.total / max(took, 0.001):.0f} per second")
    _say("answers", f"{statuses}; ended unanswered: {tally.ended}")
    _say(
        "memory", f"receiver {warm_bytes >> 20} MB after {warm.total} requests, {grown / 2**20:+.1f} MB since"
    )
    problems = warm.bad[:5] + tally.bad[:5]
    if grown > MAX_GROWTH:
        problems.append(f"the receiver grew by {grown >> 20} MB")
    if (after := _stored(service)) != before:
        problems.append(f"something was stored or queued: {before} before, {after} after")
    _say("stored", f"{after} (deliveries, commands, messages); {before} before")
    if not receiver.is_running():
        problems.append("the receiver has ended")
    return problems


def _set_up(service: RunningService) -> list[str]:
    """Make a connection of each provider. Return their webhook URLs."""
    service.run("account", "add", "Acme")
    return [_connect(service, name) for name in PROVIDERS]


def _connect(service: RunningService, name: str) -> str:
    given = [f"--credential={credential}=acme" for credential in PROVIDERS[name].credential_names]
    if PROVIDERS[name].needs_webhook_secret:
        given.append(f"--webhook-secret={SECRETS.get(name, DEMO_SECRET)}")
    added = service.run(
        *("connection", "add", "--account", "Acme", "--provider", name, "--name", name),
        *("--base-url", "http://127.0.0.1:9", *given),
    )
    return str(added["webhook_url"])


def _receiver(service: RunningService) -> psutil.Process:
    children = psutil.Process(service.process.pid).children(recursive=True)
    return next(child for child in children if "receiver" in child.cmdline())


def _stored(service: RunningService) -> tuple[int, int, int]:
    home = Home(Path(service.environment["TICKETWALK_HOME"]))
    with Redis(unix_socket_path=str(home.redis_socket)) as redis:
        queued = sum(
            redis.llen(name)
            for queue in ("commands", "psa")
            for name in (f"ticketwalk:{queue}", f"ticketwalk:{queue}\x06\x169")
        )
    listed = [len(service.run(what, "list", "--limit", "10000")) for what in ("delivery", "command")]
    return listed[0], listed[1], queued


def _schema(service: RunningService, seconds: float) -> list[str]:
    """Have schemathesis try what the OpenAPI document promises."""
    program = Path(sys.executable).with_name("schemathesis")
    if not program.exists():
        _say("schema", "not tried: schemathesis is not installed")
        return []
    command = [
        str(program),
        "run",
        f"{service.url}/openapi.json",
        "--checks",
        "not_a_server_error",
        "--no-color",
    ]
    command += ["--max-examples", "500", "--continue-on-failure"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
            env={**os.environ, "COLUMNS": "200"},
        )
    except subprocess.TimeoutExpired:
        _say("schema", f"stopped after {seconds:.0f} s, before it had found anything")
        return []
    cases = re.search(r"(\d[\d,]*) generated", done.stdout)
    _say("schema", f"{cases.group(1) if cases else '?'} test cases of schemathesis")
    return [] if done.returncode == 0 else [f"schemathesis: {done.stdout[-2_000:]}"]


def _log(log: Path) -> list[str]:
    said = log.read_text(errors="replace")
    _say("log", f"{len(said) >> 10} KiB")
    return [
        f"the log has {word!r}"
        for word in ("Traceback", "request failed", "starting it again")
        if word in said
    ]


def _say(what: str, sentence: str) -> None:
    print(f"{what:<9} {sentence}", flush=True)  # noqa: T201 - the report


if __name__ == "__main__":
    sys.exit(main())
