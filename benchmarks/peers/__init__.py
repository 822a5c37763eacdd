"""Other gateways from PyPI, beside which Tallygate is measured (`make bench PEERS=1`).

Each is installed once, with pinned versions (`requirements/`), into a folder of its own below the system's folder for
temporary files, and runs as one process on loopback. One that cannot be installed or started is left out and said.
"""

from benchmarks.peers.ferro import FERRO
from benchmarks.peers.litellm import LITELLM
from benchmarks.peers.peer import Peer, running_peer
from benchmarks.peers.tensorzero import TENSORZERO

PEERS = (TENSORZERO, FERRO, LITELLM)

__all__ = ["PEERS", "TENSORZERO", "Peer", "running_peer"]
