"""The parts of a push: claim an entry, make its call, settle it."""
