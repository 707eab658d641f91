"""What every provider's simulator shares: faults on demand, a log of requests, a server to run in."""
