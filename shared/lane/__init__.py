"""The reply lane: one connection from a router straight to each gateway that waits for its answers.

It carries chunks and replies, many inferences on one connection. Nothing on it is the record: that is on the topics,
and whatever the lane cannot bring comes by the reply topic.
"""

from shared.lane.frames import BrokenLaneError, Frame, Kind
from shared.lane.listener import Listener
from shared.lane.router_side import Lanes

__all__ = ["BrokenLaneError", "Frame", "Kind", "Lanes", "Listener"]
