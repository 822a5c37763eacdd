"""Leases: a job belongs to one worker until its lease ends, and tenants take turns."""

from shared.jobs.leases import Job, LeasedWork, Leases, LeaseSettings
from shared.jobs.store import LeasedTable, Taking

__all__ = ["Job", "LeaseSettings", "LeasedTable", "LeasedWork", "Leases", "Taking"]
