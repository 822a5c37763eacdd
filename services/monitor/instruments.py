"""What a monitor counts. Of what stands in the books, or on topics, each monitor says the same."""

from shared.telemetry import names
from shared.telemetry.instruments import SECONDS, Counter, Gauge, Histogram, begin_at_zero

booked = Counter(names.METRIC_BOOKED, "Events written to the books, and those that came too late to count.", ("kind",))
book_seconds = Histogram(names.METRIC_BOOK_SECONDS, "Time to write one batch to the books.", buckets=SECONDS)
lag_seconds = Gauge(
    names.METRIC_LAG_SECONDS, "How far the books are behind the topics: the age of the newest event, while more wait."
)
recovered = Counter(
    names.METRIC_RECOVERED, "Inferences that their routers did not finish, by what became of them.", ("action",)
)
orphans = Gauge(names.METRIC_ORPHANS, "Claimed inferences that no living router works on, at the last look.")
overdue = Gauge(
    names.METRIC_OVERDUE, "Inferences and calls that are open longer than anybody may need, at the last look."
)
routers_alive = Gauge(names.METRIC_ROUTERS_ALIVE, "Routers whose heartbeats are heard.")
models = Gauge(names.METRIC_MODELS, "Models that were called lately or are not well, by their health.", ("status",))
open_inferences = Gauge(
    names.METRIC_OPEN_INFERENCES, "Inferences on record that are not settled; NaN while the database cannot be asked."
)
database_bytes = Gauge(names.METRIC_DATABASE_BYTES, "Size of the database; NaN while the database cannot be asked.")

begin_at_zero(booked, ("on_time",), ("late",))
begin_at_zero(recovered, ("redeliver",), ("expire",), ("give_up",), ("unreadable",), ("sweep",))
