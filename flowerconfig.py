"""Flower's settings, found by `celery -A worker flower` here and given to it by `ticketwalk up`."""

# Loopback: Flower has no password of its own, and shows and steers the queue.
address = "127.0.0.1"
# The ids in the arguments and the result are what ops look for: ticket, session, kind, outcome.
tasks_columns = "name,uuid,state,kwargs,result,received,started,runtime,worker"
# Tasks kept in memory; some kilobytes each.
max_tasks = 20_000
# A worker that left this long ago (seconds) is not shown as offline for ever.
purge_offline_workers = 600
