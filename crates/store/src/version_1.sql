PRAGMA application_id = 1464357446;
PRAGMA user_version = 1;
CREATE TABLE process (
    id                TEXT    NOT NULL PRIMARY KEY,
    wasm_bytes_handle TEXT    NOT NULL,
    wit_version       INTEGER,
    public            INTEGER NOT NULL CHECK (public IN (0, 1)),
    on_exit           BLOB    NOT NULL
) STRICT;

CREATE TABLE capability (
    holder      TEXT NOT NULL,
    issuer      TEXT NOT NULL,
    params_key  TEXT NOT NULL,
    params      TEXT NOT NULL,
    signature   BLOB NOT NULL CHECK (length(signature) = 64),
    origin      TEXT NOT NULL CHECK (origin IN ('issued', 'granted', 'received')),
    origin_from TEXT CHECK ((origin = 'received') = (origin_from IS NOT NULL)),
    PRIMARY KEY (holder, issuer, params_key)
) STRICT;

CREATE TABLE state (
    process TEXT NOT NULL PRIMARY KEY,
    bytes   BLOB NOT NULL
) STRICT;
INSERT INTO process VALUES ('z:chess:sys', '/chess:sys/pkg/z.wasm', 1, 1, x'0100000000');
INSERT INTO process VALUES ('a:chess:sys', '/chess:sys/pkg/a.wasm', NULL, 0, x'0101000000');
INSERT INTO capability VALUES ('a:chess:sys', 'a.os@vfs:distro:sys', '{"root":true}', '{ "root": true }',
    x'00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000', 'granted', NULL);
INSERT INTO state VALUES ('gone:chess:sys', x'010203');
