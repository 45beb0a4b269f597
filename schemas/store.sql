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

-- version 2

-- What people said of outages afterwards. Rows are never changed or deleted; one that undoes names another's number.
-- `kind`: 0 another cause, 1 it was no outage, 2 it was planned, 3 undoes. `began` and `ended` are the outage's as
-- it was when this was said (ended: the last moment known while it went on).
CREATE TABLE amendment (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    service   TEXT NOT NULL,
    objective TEXT NOT NULL,
    began     INTEGER NOT NULL,
    ended     INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    cause     TEXT NOT NULL,
    note      TEXT NOT NULL,
    who       TEXT NOT NULL,
    said      INTEGER NOT NULL,
    undoes    INTEGER NOT NULL
);

-- What reports that were given out said of an objective in a period that had ended. A row more when one says
-- something else. Amounts are millionths of minutes, or of failed runs; `judgement` as in reporter/report.hpp.
CREATE TABLE issued (
    id             INTEGER PRIMARY KEY,
    service        TEXT NOT NULL,
    objective      TEXT NOT NULL,
    period         TEXT NOT NULL,
    begins         INTEGER NOT NULL,
    ends           INTEGER NOT NULL,
    issued         INTEGER NOT NULL,
    method         TEXT NOT NULL,
    judgement      INTEGER NOT NULL,
    spent          INTEGER NOT NULL,
    spent_at_least INTEGER NOT NULL,
    spent_at_most  INTEGER NOT NULL,
    unmeasured     INTEGER NOT NULL,
    promise        TEXT NOT NULL,
    amendments     INTEGER NOT NULL
);
CREATE INDEX issued_of ON issued (service, objective, begins, ends);
