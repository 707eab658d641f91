"""Notes that save themselves: one draft row per session, written to its walk once per pause.

Saves touch only the draft (`saving`); a flush writes it to the walk (`writing`, `flushing`). The draft is
state, not a message: what is due is read from the rows, by the database's clock. Locks are taken in one
order everywhere: the ticket, the session, its draft; several drafts by their sessions' ids.
"""
