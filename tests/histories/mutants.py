"""Each ordering that the promise rests on, broken on purpose: histories must notice.

A mutant replaces a method of the code under test while it is in force. `seed` is a history that notices it, and
`invariant` what that history finds broken first.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple
from unittest import mock

from services.gateway.inference.completing import Completing
from services.gateway.inference.once import Once
from services.monitor.books import books
from services.monitor.recovery import offsets as claimed_offsets
from services.monitor.recovery import orphans
from services.monitor.recovery.offsets import Offsets
from services.monitor.recovery.recovery import Recovery
from services.router import claims
from services.router.attempts import Attempts
from services.router.claims import Claims
from services.router.settling import Settling
from shared.inferences import Inferences
from shared.kafka import keeper
from shared.kafka.follow import Follower
from shared.kafka.publisher import Publisher
from tests.histories import instead
from tests.histories.promises import (
    AGREED,
    ALIVE,
    ANSWERED,
    AUDIT,
    BOOKED,
    CALLED,
    COMPLETE,
    FIRST_WORD,
    FORWARD,
    LEFT_TO_KAFKA,
    ONE_KEY,
    OVER,
    SETTLED,
    STORED,
    SWEPT,
)
from tests.support.memory import monitor as memory

Patch = tuple[object, str, object]


class Mutant(NamedTuple):
    """what: the code does instead. seed: of the history that notices. invariant: that it finds broken."""

    name: str
    what: str
    patches: tuple[Patch, ...]
    seed: int
    invariant: str


@contextmanager
def in_force(mutant: Mutant) -> Iterator[None]:
    with ExitStack() as stack:
        for target, name, replacement in mutant.patches:
            stack.enter_context(mock.patch.object(target, name, replacement))
        yield


MUTANTS = (
    Mutant(
        "call before the ack", "calls are made when the claim has succeeded, while their starts are on their way",
        ((Claims, "_claim_prepared", instead.call_unacked),), 4, CALLED,
    ),
    Mutant(
        "call before the commit", "calls are made when their starts are acked, while the commit is on its way",
        ((Claims, "_claim_prepared", instead.call_first),), 2, CALLED,
    ),
    Mutant(
        "wait without a record", "what waits for its turn is claimed, and nothing on the topic says so",
        ((claims, "_holds", instead.nothing_held),), 52, OVER,
    ),
    Mutant(
        "ignore the fence", "calls are made although the commit failed",
        ((Claims, "_committed", instead.unfenced),), 64, CALLED,
    ),
    Mutant(
        "commit lower after higher", "a commit is tried again when a later one has succeeded",
        ((Claims, "_committed", instead.commit_again),), 2, FORWARD,
    ),
    Mutant(
        "take after the wait", "bulk that waited for room counts as taken when there is some, and not when it came",
        ((Claims, "take", instead.take_after_the_wait),), 7467, CALLED,
    ),
    Mutant(
        "drop a hand-back", "attempts whose claim failed get no outcome",
        ((Claims, "_hand_back", instead.forget_it),), 64, SWEPT,
    ),
    Mutant(
        "further call before its ack", "a retry or fallback is called while its start is on its way",
        ((Attempts, "_start_next", instead.start_unacked),), 1, CALLED,
    ),
    Mutant(
        "call after a silence", "a router that was silent for long calls for what it had claimed before",
        ((Attempts, "_be_sure_of", instead.sure),), 1428, OVER,
    ),
    Mutant(
        "end without a start", "a call that is cut short while its start is on its way gets only its outcome on record",
        ((Attempts, "_start_next", instead.start_apart),), 15532, AUDIT,
    ),
    Mutant(
        "settle twice", "the last word counts, not the first",
        ((books, "_first_word", instead.last_word), (memory, "_first_word", instead.newest_word)), 43, FIRST_WORD,
    ),
    Mutant(
        "commit before booking", "offsets of events are committed before they are booked",
        ((keeper.Keeper, "on_batch", instead.commit_unbooked),), 1, BOOKED,
    ),
    Mutant(
        "commit once", "a commit of booked events that fails is not tried again",
        ((keeper, "commit_if_ours", instead.commit_once),), 68, SETTLED,
    ),
    Mutant(
        "forget an orphan", "one orphan of each look is left out",
        ((Recovery, "_lost_work", instead.all_but_one),), 16, SWEPT,
    ),
    Mutant(
        "forget the attempts of the settled", "open attempts of dead routers are closed only while nobody has settled",
        ((Recovery, "_lost_work", instead.no_lost_attempts),), 319, SWEPT,
    ),
    Mutant(
        "redeliver the unclaimed", "recovery hands out what Kafka will deliver again",
        ((orphans, "decide", instead.as_if_claimed), (memory, "_is_claimed", instead.on_the_topic)), 20, LEFT_TO_KAFKA,
    ),
    Mutant(
        "drop what is claimed", "a living router forgets an inference that it has claimed",
        ((Attempts, "run", instead.drop_it),), 3, SWEPT,
    ),
    Mutant(
        "drop it and do not sweep", "as before, and nothing is closed a minute past its deadline",
        ((Attempts, "run", instead.drop_it), (Recovery, "_overdue", instead.nothing)), 1, SETTLED,
    ),
    Mutant(
        "take over under a new id", "who publishes in a dead one's place gives the request an id of its own",
        ((Completing, "_publish", instead.under_a_new_id),), 202, ONE_KEY,
    ),
    Mutant(
        "mark before the ack", "a key counts as published before its request is acked",
        ((Once, "_publish", instead.mark_first),), 7, ONE_KEY,
    ),
    Mutant(
        "wait anew", "who has waited for somebody else to publish then waits as long as its deadline once more",
        ((Inferences, "reply", instead.wait_anew),), 6380, ANSWERED,
    ),
    Mutant(
        "act half deaf", "routers count as silent although their heartbeats were not read to the end",
        ((Follower, "caught_up", instead.at_once),), 123007, ALIVE,
    ),
    Mutant(
        "act on old books", "recovery does not wait until all is booked",
        ((Offsets, "booked_to_the_end", instead.at_once),), 33, COMPLETE,
    ),
    Mutant(
        "settle beside the result", "what is to be found later is published at the same moment as the settlement",
        ((Settling, "_report_settled", instead.settle_beside_the_result),), 330, STORED,
    ),
    Mutant(
        "tell before the ack", "callers are told at the same moment as the books, also while acks come late",
        ((Publisher, "acks_are_late", False),), 2530, AGREED,
    ),
    Mutant(
        "forget bulk", "recovery asks what the routers have claimed of one topic of requests, and not of the other",
        ((claimed_offsets, "router_groups", instead.without_bulk),), 73, SWEPT,
    ),
)  # fmt: skip
