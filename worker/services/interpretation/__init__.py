"""Turn deliveries into commands: what a sender says itself, or what the PSA shows when asked again."""
