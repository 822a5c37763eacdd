"""Leases: work that is somebody's until its lease ends, with a fair turn for each tenant."""

from shared.jobs.leases import Job, LeasedWork, Leases, LeaseSettings
from shared.jobs.store import LeasedTable

__all__ = ["Job", "LeaseSettings", "LeasedTable", "LeasedWork", "Leases"]
