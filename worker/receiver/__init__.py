"""The webhook receiver: verify, parse, store, answer; then wake a worker."""
