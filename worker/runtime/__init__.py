"""What the service runs by itself: embedded PostgreSQL and Redis, and supervised processes."""
