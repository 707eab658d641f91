"""The store: PostgreSQL tables, transactions and queries."""
