"""The rules of the walk: pure functions and values, no I/O, `now` always an argument."""
