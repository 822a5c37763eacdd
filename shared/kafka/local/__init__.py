"""Kafka in memory, behind the verbs of `shared/kafka/broker.py`: deterministic, in one event loop, without threads.

A LocalCluster holds topics and groups. Each process has a LocalBroker on it, which can be killed. What goes wrong is
said by a function of each operation (`faults.py`). Time is the event loop's, so that tests can run it faster.
"""

from shared.kafka.local.broker import LocalBroker
from shared.kafka.local.cluster import LocalCluster
from shared.kafka.local.faults import Ask, Commit, Fault, Faults, Fetch, Operation, Produce, late, lost, refused
from shared.kafka.local.groups import GroupTimings

__all__ = [
    "Ask",
    "Commit",
    "Fault",
    "Faults",
    "Fetch",
    "GroupTimings",
    "LocalBroker",
    "LocalCluster",
    "Operation",
    "Produce",
    "late",
    "lost",
    "refused",
]
