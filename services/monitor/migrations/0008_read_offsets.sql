-- How far each topic's events are in this database. The monitor goes back to it when Kafka says that it has read more.
CREATE TABLE monitor.read_offsets (
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);
