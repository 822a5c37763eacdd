CREATE SCHEMA jobs;

-- How far each topic's events are in this database. Readers go back to it when Kafka says that it has read more.
CREATE TABLE jobs.read_offsets (
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);
