"""A Redis client that answers soon or not at all: what asks it can do without."""

from urllib.parse import parse_qs, unquote, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

#: What every key in Redis begins with, the broker's too: several services may share a server.
KEY_PREFIX = "ticketwalk:"
#: An answer that takes longer than this, in seconds, is not worth the wait.
ANSWER_SECONDS = 1.0
#: redis-py tries ten times with pauses, for seconds; whoever asks here has another way.
_ONCE = Retry(NoBackoff(), 0)


def quick_client(broker_url: str) -> Redis | None:
    """Return a client for the broker's Redis; None where the broker is none."""
    if broker_url.startswith("redis+socket://"):
        url = urlsplit(broker_url)
        # kombu's name for the number of the database
        database = parse_qs(url.query).get("virtual_host", ["0"])[0]
        return Redis(
            unix_socket_path=url.path,
            db=int(database.strip("/") or 0),
            username=unquote(url.username or "") or None,
            password=unquote(url.password or "") or None,
            socket_timeout=ANSWER_SECONDS,
            retry=_ONCE,
        )
    if broker_url.startswith(("redis://", "rediss://")):
        return Redis.from_url(
            broker_url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS, retry=_ONCE
        )
    return None
