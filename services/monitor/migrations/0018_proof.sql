-- Tamper-evident books (services/monitor/proof, decision 0034). One row for each seal: number counts all of them, sequence
-- those of one day, from 1. signed: the text that the signature is of; every other column only finds it. pages: whose
-- digests these are; NULL: the seal was taken from the topic, as it was missing here. published_at: NULL until it is there.
CREATE TABLE monitor.seals (
    number       bigint PRIMARY KEY,
    day          date NOT NULL,
    sequence     integer NOT NULL,
    signed       text NOT NULL,
    signature    bytea NOT NULL,
    sealed_at    timestamptz NOT NULL,
    pages        uuid,
    published_at timestamptz,
    UNIQUE (day, sequence)
);

-- Digests of rows as they were sealed, in order of their keys, in days as the rows. at: midnight of the day. part: of
-- which table. entries: keys and digests, one after another. Random bytes do not compress.
CREATE TABLE monitor.digests (
    at      timestamptz NOT NULL,
    pages   uuid NOT NULL,
    part    smallint NOT NULL,
    page    integer NOT NULL,
    entries bytea NOT NULL,
    PRIMARY KEY (at, pages, part, page)
) PARTITION BY RANGE (at);
ALTER TABLE monitor.digests ALTER COLUMN entries SET STORAGE EXTERNAL;
CREATE TABLE monitor.digests_other PARTITION OF monitor.digests DEFAULT;

-- What was booked of days of the past, which may be sealed already. Written in the transaction that books it, deleted in
-- the one that seals it. Never updated: bookings do not meet. ids: of inferences, 16 bytes each. signature: by who booked
-- them, so that nobody else can have rows sealed later; NULL: days are not sealed there.
CREATE TABLE monitor.late_bookings (
    note      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day       date NOT NULL,
    ids       bytea NOT NULL,
    signature bytea
);
