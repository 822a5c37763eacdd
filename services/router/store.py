"""All SQL of the router: the places of models, which routers share."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from services.router.sharing import Claimant, Share, share
from shared.db.pool import Pool

PLACES_CHANNEL = "tallygate_places"  # payload: "<router id>/<tenant>/<model id>", of who has something for others to do

Key = tuple[str, str]  # tenant and model id


class Want(NamedTuple):
    """What a router asks for: of one model. floor: as of `share`. leaves: it has no calls, and asks no more."""

    key: Key
    limit: int
    floor: int
    held: int
    wanted: int
    waited_s: float
    leaves: bool = False


class PlacesStore(Protocol):
    async def ask(self, router_id: str, wants: Sequence[Want], lease_s: float) -> dict[Key, Share]:
        """The places of each, for lease_s. Raises RETRYABLE errors; then it is not known what was written."""

    async def leave(self, router_id: str) -> None:
        """All places of this router are free."""


# One router at a time decides on a model. In one order, so that no two wait for each other.
_LOCKS = """
SELECT pg_advisory_xact_lock(lock) FROM (
    SELECT DISTINCT hashtextextended(t || '/' || m, 44) AS lock FROM unnest($1::text[], $2::text[]) AS k (t, m)
    ORDER BY lock
) one
"""

_OTHERS = """
SELECT tenant_id, model_id, router_id, held, wanted,
       greatest(0, extract(epoch FROM clock_timestamp() - waits_since))::float8 AS waited_s
FROM router.places JOIN unnest($1::text[], $2::text[]) AS k (tenant_id, model_id) USING (tenant_id, model_id)
WHERE router_id <> $3 AND until > clock_timestamp()
"""

_KEEP = """
INSERT INTO router.places (tenant_id, model_id, router_id, held, wanted, waits_since, until)
SELECT t, m, $3, held, wanted, clock_timestamp() - make_interval(secs => waited_s),
       clock_timestamp() + make_interval(secs => $7)
FROM unnest($1::text[], $2::text[], $4::int[], $5::int[], $6::float8[]) AS k (t, m, held, wanted, waited_s)
ON CONFLICT (tenant_id, model_id, router_id) DO UPDATE
SET held = excluded.held, wanted = excluded.wanted, waits_since = excluded.waits_since, until = excluded.until
"""

_DROP = """
DELETE FROM router.places p USING unnest($1::text[], $2::text[]) AS k (tenant_id, model_id)
WHERE p.tenant_id = k.tenant_id AND p.model_id = k.model_id AND (p.router_id = $3 OR p.until <= clock_timestamp())
"""

_TELL = "SELECT pg_notify($1, $2 || '/' || t || '/' || m) FROM unnest($3::text[], $4::text[]) AS k (t, m)"


class SqlPlacesStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ask(self, router_id: str, wants: Sequence[Want], lease_s: float) -> dict[Key, Share]:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCKS, *_columns(wants))
            others: defaultdict[Key, list[Claimant]] = defaultdict(list)
            for row in await connection.fetch(_OTHERS, *_columns(wants), router_id):
                claimant = Claimant(row["router_id"], row["held"], row["wanted"], row["waited_s"])
                others[row["tenant_id"], row["model_id"]].append(claimant)
            shares = decided(router_id, wants, others)
            if leaving := [want for want in wants if want.leaves]:
                await connection.execute(_DROP, *_columns(leaving), router_id)
            if staying := [want for want in wants if not want.leaves]:
                held = [shares[want.key].held for want in staying]
                wanted, waited_s = [want.wanted for want in staying], [want.waited_s for want in staying]
                await connection.execute(_KEEP, *_columns(staying), router_id, held, wanted, waited_s, lease_s)
            if told := [want for want in wants if shares[want.key].others_act]:
                await connection.execute(_TELL, PLACES_CHANNEL, router_id, *_columns(told))
            return shares

    async def leave(self, router_id: str) -> None:
        await self._pool.execute("DELETE FROM router.places WHERE router_id = $1", router_id)


def decided(router_id: str, wants: Sequence[Want], others: dict[Key, list[Claimant]]) -> dict[Key, Share]:
    return {
        want.key: share(
            want.limit, Claimant(router_id, want.held, want.wanted, want.waited_s), want.floor,
            others.get(want.key, ()),
        )
        for want in wants
    }  # fmt: skip


def _columns(wants: Sequence[Want]) -> tuple[list[str], list[str]]:
    return [want.key[0] for want in wants], [want.key[1] for want in wants]
