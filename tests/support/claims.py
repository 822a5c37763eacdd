"""Claims as a router makes them, with a line of their own."""

from services.router.attempts import Attempts
from services.router.claims import Claims
from services.router.intake import Intake
from services.router.pulse import Pulse
from services.router.room import Room, RoomLimits
from services.router.waiting import Waiting
from shared.events import Now, utc_now
from shared.events.topics import REQUESTS, Topic
from shared.kafka.publisher import Publisher
from shared.kafka.stopping import Stop, terminate


def claims_of(
    intake: Intake, attempts: Attempts, publisher: Publisher, limits: RoomLimits, pulse: Pulse, *, name: str = "r1",
    stop: Stop = terminate, now: Now = utc_now, topic: Topic = REQUESTS,
) -> Claims:  # fmt: skip
    waiting = Waiting(intake, attempts, publisher, Room(limits), pulse, now)
    return Claims(name, intake, attempts, publisher, waiting, pulse, stop, now, topic)
