"""Alembic's entry: runs the revisions on the connection that `worker.db.migrate` hands over."""

from alembic import context

from worker.db.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
