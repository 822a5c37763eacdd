-- Files of tenants. sealed_key: of the key that the parts are sealed under (tenant, "file_key", file_id).
-- size: bytes so far; what is appended next begins there. room: bytes that an upload may come to have, which count as
-- the tenant's from the beginning. kept_until: when it is deleted, also when it was never finished (finished_at).
-- deleted_at: nobody sees it any more, and its parts are being deleted.
CREATE TABLE gateway.files (
    file_id     uuid PRIMARY KEY,
    tenant_id   text NOT NULL,
    purpose     text NOT NULL,
    name        text NOT NULL,
    sealed_key  text NOT NULL,
    size        bigint NOT NULL DEFAULT 0,
    room        bigint NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL,
    kept_until  timestamptz NOT NULL,
    finished_at timestamptz,
    deleted_at  timestamptz
);
CREATE INDEX files_of_tenant ON gateway.files (tenant_id, file_id) WHERE deleted_at IS NULL;
CREATE INDEX files_kept_until ON gateway.files (kept_until) WHERE deleted_at IS NULL;
CREATE INDEX files_deleted ON gateway.files (file_id) WHERE deleted_at IS NOT NULL;

-- start: where the part begins in its file; size: before it was compressed. sealed: the part (tenant, "file/{file_id}",
-- start), under the file's key; null when it lies in an object store, as object_name.
CREATE TABLE gateway.file_parts (
    file_id     uuid NOT NULL REFERENCES gateway.files,
    start       bigint NOT NULL,
    size        integer NOT NULL,
    sealed      bytea,
    object_name text,
    PRIMARY KEY (file_id, start)
);
-- What is sealed cannot be compressed: the server need not try.
ALTER TABLE gateway.file_parts ALTER COLUMN sealed SET STORAGE EXTERNAL;
