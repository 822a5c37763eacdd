"""What routers say by the lane to those who wait here, and what they are told back."""

from shared.crypto import KeyRing
from shared.inferences.pending import Awaited, Pending
from shared.lane import Frame, Kind
from shared.lane.listener import Lane
from shared.lane.payloads import open_chunks, open_reply


class ByLane:
    """For a lane's `Listener`."""

    def __init__(self, ring: KeyRing, pending: Pending) -> None:
        self._ring = ring
        self._pending = pending

    def on_frame(self, frame: Frame, lane: Lane) -> Kind | None:
        """The word that answers it. Raises BrokenLaneError for what cannot be opened or read."""
        awaited = self._pending.awaited(frame.inference_id)
        if awaited is None:
            return Kind.GONE
        if frame.kind is Kind.CHUNK:
            return self._chunks(awaited, frame, lane)
        if frame.kind is Kind.REPLY:
            return self._reply(awaited, frame)
        return Kind.BEGUN if awaited.stream is not None and awaited.stream.frames else Kind.FRESH

    def _chunks(self, awaited: Awaited, frame: Frame, lane: Lane) -> Kind | None:
        if awaited.stream is None:
            return Kind.GONE
        return awaited.stream.take(open_chunks(self._ring, awaited.stream.context, frame.payload), lane)

    def _reply(self, awaited: Awaited, frame: Frame) -> Kind:
        """Of no use when it leaves out what was not heard here: the stored answer will bring all."""
        reply = open_reply(self._ring, awaited.tenant_id, awaited.inference_id, frame.payload)
        return Kind.TAKEN if awaited.resolve(reply) else Kind.GONE
