"""The use cases. Each takes what it needs as arguments and works in transactions of one tenant."""
