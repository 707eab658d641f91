"""Celery's settings, each with the failure it prevents. Public names here become settings and are printed by
`celery report`, so everything else starts with an underscore.
"""

from datetime import timedelta as _timedelta

from kombu import Queue as _Queue

from worker.domain.queues import CANARY_SECONDS as _CANARY_SECONDS
from worker.domain.queues import QUEUES as _QUEUES
from worker.redis_client import KEY_PREFIX as _KEY_PREFIX
from worker.settings import load_settings as _load_settings

_settings = _load_settings()

broker_url = _settings.broker
# Only tasks called by hand (`celery call`, Flower) leave a result, for `celery result`; hints say
# ignore_result, and a command's outcome is read from its row. Results of an hour ago interest nobody.
result_backend = broker_url if broker_url.startswith(("redis", "rediss")) else None
result_backend_transport_options = {
    "global_keyprefix": _KEY_PREFIX,
    # storing a result is tried for this many seconds; nothing depends on it
    "retry_policy": {"timeout": 5.0},
}
result_expires = 3600

imports = ["tasks"]

# A frozen Redis would otherwise block a publisher and leave a worker deaf for ever: sockets answer within
# seconds or are given up. socket_timeout is above kombu's BRPOP time-out of 1 s.
broker_transport_options = {
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    # a half-open connection is found after twice this and a second: measured 11 s, both pools
    "health_check_interval": 5,
    # A retried LPUSH after a time-out is a second message.
    "retry_on_timeout": False,
    # A message whose worker died is seen again after this long; the sweep is far earlier (2 s).
    "visibility_timeout": 120,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # Several homes may share one Redis server without seeing each other's messages.
    "global_keyprefix": _KEY_PREFIX,
}
if broker_url.startswith("redis+socket"):
    # redis-py's unix sockets know no keepalive and no separate connect time-out
    broker_transport_options.pop("socket_connect_timeout")
redis_socket_timeout = 5
broker_connection_retry_on_startup = True
# The default gives up after 100 tries and the worker ends.
broker_connection_max_retries = None
# One short try: the row is committed, and the sweep hints again.
task_publish_retry_policy = {"max_retries": 1, "interval_start": 0, "interval_max": 0.2}

# Messages are JSON; a pickle from whoever reaches the broker would be code.
accept_content = ["json"]
task_serializer = "json"
result_serializer = "json"
# Celery ends its worker over a malformed message, and again when it comes back; and in the end it looks for a
# broker that is away every 30 s only.
worker_consumer = "worker.broker:StrictConsumer"

# Acknowledged after the work, so that a lost child's message comes again; work is safe to repeat.
task_acks_late = True
# A requeue has no counter and loops for ever with a message that kills its worker; the sweep has one.
task_reject_on_worker_lost = False
# A worker holds only what it works on; the rest stays for others.
worker_prefetch_multiplier = 1
# Prefork only. Above every statement and HTTP time-out, so it ends only what hangs.
task_time_limit = 150
task_soft_time_limit = 140
# Bounds what a leak can take.
worker_max_tasks_per_child = 5_000
# The default repeats the work of a late-acknowledged task that lost its connection by killing it in the
# middle; what it commits is safe to repeat, what it sends to a PSA is not.
worker_cancel_long_running_tasks_on_connection_loss = False

# Flower lives on events; the sent event is left out because it would carry arguments before redaction.
worker_send_task_events = True
task_send_sent_event = False
worker_hijack_root_logger = False
worker_redirect_stdouts = False

# A slow PSA must not hold up the application of commands: calls to a PSA have a queue of their own.
task_default_queue = "commands"
# Named here so that a worker without -Q takes them all.
task_queues = tuple(_Queue(_name) for _name in _QUEUES)
task_routes = {
    "delivery.*": {"queue": "psa"},
    "psa.*": {"queue": "psa"},
    "maintenance.*": {"queue": "maintenance"},
    "session.abandon_idle": {"queue": "maintenance"},
    "notes.flush": {"queue": "maintenance"},
}

timezone = "UTC"
beat_schedule_filename = str(_settings.home_of_servers.beat_schedule)
beat_schedule = {
    "sweep": {
        "task": "maintenance.sweep",
        "schedule": _timedelta(seconds=_settings.sweep_interval_seconds),
        # a sweep that waited for a busy worker is worth nothing: the next one is on its way
        "options": {"expires": 30, "ignore_result": True},
    },
    # A worker can be alive and deaf; a canary through each queue shows that it works (/readyz, /metrics).
    **{
        f"canary-{_queue}": {
            "task": "maintenance.canary",
            "schedule": _timedelta(seconds=_CANARY_SECONDS),
            "kwargs": {"queue": _queue},
            "options": {"queue": _queue, "expires": 60, "ignore_result": True},
        }
        for _queue in _QUEUES
    },
    # What changed without a webhook: each connection's own time says when it is due.
    "reconcile": {
        "task": "psa.reconcile",
        "schedule": _timedelta(seconds=min(30, _settings.reconcile_interval_seconds)),
        "options": {"expires": 60, "ignore_result": True},
    },
    # PSAs switch webhooks off without a word; an unsigned message may ask for a look sooner.
    "check-registrations": {
        "task": "psa.check_registration",
        "schedule": _timedelta(seconds=60),
        "options": {"expires": 60, "ignore_result": True},
    },
    "prune": {
        "task": "maintenance.prune",
        "schedule": _timedelta(days=1),
        "options": {"expires": 3600, "ignore_result": True},
    },
    "abandon-idle": {
        "task": "session.abandon_idle",
        "schedule": _timedelta(minutes=10),
        "options": {"expires": 600, "ignore_result": True},
    },
}
