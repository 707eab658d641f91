"""A library of PSAs: how each verifies, speaks and answers. Knows nothing of the service that uses it."""
