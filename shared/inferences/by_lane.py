"""What routers say by the lane to those who wait here, and what they are told back."""

from shared.crypto import KeyRing
from shared.inferences.pending import Awaited, Pending
from shared.lane import Frame, Kind
from shared.lane.listener import Lane
from shared.lane.payloads import open_reply


class ByLane:
    """For a lane's `Listener`."""

    def __init__(self, ring: KeyRing, pending: Pending) -> None:
        self._ring = ring
        self._pending = pending

    def on_frame(self, frame: Frame, _lane: Lane) -> Kind | None:
        """The word that answers it. Raises BrokenLaneError for what cannot be opened or read."""
        awaited = self._pending.awaited(frame.inference_id)
        if awaited is None:
            return Kind.GONE
        match frame.kind:
            case Kind.REPLY:
                return self._reply(awaited, frame)
            case _:
                return Kind.FRESH

    def _reply(self, awaited: Awaited, frame: Frame) -> Kind | None:
        awaited.resolve(open_reply(self._ring, awaited.tenant_id, awaited.inference_id, frame.payload))
        return Kind.TAKEN
