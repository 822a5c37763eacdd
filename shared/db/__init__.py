"""PostgreSQL: the pool and the migrations. SQL itself lives in each service's store.py."""

from shared.db.pool import DatabaseSettings, connect_pool

__all__ = ["DatabaseSettings", "connect_pool"]
