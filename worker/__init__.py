"""The service: rules, store, use cases, ways in. `celery -A worker` finds its app in `worker.celery`."""
