-- The store of the reporter: one SQLite file. Made and upgraded by slimtax-reporter when it opens the file;
-- never edit a section that was released, append one.
--
-- `PRAGMA application_id` is 0x736C6D78 ("slmx"), `PRAGMA user_version` the number of the last section applied. Each
-- section is applied in one transaction. Instants are microseconds since 1970-01-01T00:00:00Z.
--
-- Looking in by hand is fine (sqlite3 -readonly FILE): `series` says what there is, `hour` and `hot` how much. What the
-- blobs hold is described in reporter/blob.hpp; `slimtax-reporter export` writes it as CSV.

-- version 1

-- Every series that ever had a result. Rows are never deleted and never change.
CREATE TABLE series (
    id       INTEGER PRIMARY KEY,
    service  TEXT NOT NULL,
    probe    TEXT NOT NULL,
    target   TEXT NOT NULL,
    location TEXT NOT NULL,
    UNIQUE (service, probe, target, location)
);

-- Results of the last hours, one a row, each a blob of one run. `intended` is the intended start.
CREATE TABLE hot (
    id       INTEGER PRIMARY KEY,
    series   INTEGER NOT NULL REFERENCES series,
    intended INTEGER NOT NULL,
    core     BLOB NOT NULL,
    detail   BLOB NOT NULL
);
-- A run's identity: whatever comes a second time is left out.
CREATE UNIQUE INDEX hot_identity ON hot (series, intended);

-- Results of hours that are over, one row for each series and hour. `id` is series * 16777216 + hour, hour counted
-- since 1970: a series' hours lie side by side. `core` stands before `detail`, so that a report reads no steps.
CREATE TABLE hour (
    id     INTEGER PRIMARY KEY,
    rows   INTEGER NOT NULL,
    core   BLOB NOT NULL,
    detail BLOB NOT NULL
);

-- One row: grows whenever results are added.
CREATE TABLE revision (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
);
INSERT INTO revision (id, number) VALUES (1, 0);
