-- The store of the reporter: one SQLite file. Made and upgraded by slimtax-reporter when it opens the file;
-- never edit a section that was released, append one.
--
-- `PRAGMA application_id` is 0x736C6D78 ("slmx"), `PRAGMA user_version` the number of the last section applied. Each
-- section is applied in one transaction. Instants are microseconds since 1970-01-01T00:00:00Z.
--
-- Looking in by hand is fine (sqlite3 -readonly FILE): `series` says what there is, `hour` and `batch` how much. What the
-- blobs hold is described in reporter/store/blob.hpp; `slimtax-reporter export` writes it as CSV.

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

-- version 3

-- Outlines of days that are over (reporter/store/outline.hpp), from which reports are made without reading every run. One
-- row for each series and day; `id` is series * 131072 + day, day counted since 1970 in UTC. A row that is here says
-- the same as the hours of that day: whoever changes an hour takes the outline away, by these triggers, whichever
-- program it is. While results of a day still are fresh, its outline is not looked at.
CREATE TABLE outline (
    id    INTEGER PRIMARY KEY,
    whole BLOB NOT NULL,
    hours BLOB NOT NULL
);
-- Days that have hours, but no outline: those of today, and those that late results changed.
CREATE TABLE outline_due (
    id INTEGER PRIMARY KEY
);
CREATE TRIGGER hour_inserted AFTER INSERT ON hour BEGIN
    DELETE FROM outline WHERE id = NEW.id / 16777216 * 131072 + NEW.id % 16777216 / 24;
    INSERT OR IGNORE INTO outline_due (id) VALUES (NEW.id / 16777216 * 131072 + NEW.id % 16777216 / 24);
END;
CREATE TRIGGER hour_updated AFTER UPDATE ON hour BEGIN
    DELETE FROM outline WHERE id = NEW.id / 16777216 * 131072 + NEW.id % 16777216 / 24;
    INSERT OR IGNORE INTO outline_due (id) VALUES (NEW.id / 16777216 * 131072 + NEW.id % 16777216 / 24);
END;
CREATE TRIGGER hour_deleted AFTER DELETE ON hour BEGIN
    DELETE FROM outline WHERE id = OLD.id / 16777216 * 131072 + OLD.id % 16777216 / 24;
    INSERT OR IGNORE INTO outline_due (id) VALUES (OLD.id / 16777216 * 131072 + OLD.id % 16777216 / 24);
END;
-- Days of a store that was made before there were outlines.
INSERT INTO outline_due (id) SELECT DISTINCT id / 16777216 * 131072 + id % 16777216 / 24 FROM hour;

-- version 4

-- Reports by mail, one row for each recipient of a report, so that nobody gets one twice (reporter/mail/outbox.hpp says
-- what the states mean).
CREATE TABLE mail (
    id       INTEGER PRIMARY KEY,
    list     TEXT NOT NULL,                 -- the id of [[reporter.mail]]
    period   TEXT NOT NULL,                 -- "2026-W47"
    address  TEXT NOT NULL COLLATE NOCASE,
    copy     INTEGER NOT NULL,              -- 1; one more each time that a person had it sent again
    state    TEXT NOT NULL,                 -- waiting, sending, accepted, failed, uncertain
    begun    INTEGER NOT NULL,              -- when it was first to be sent
    changed  INTEGER NOT NULL,              -- when it came to this state
    next     INTEGER NOT NULL,              -- when a waiting one is tried (again)
    attempts INTEGER NOT NULL,
    says     TEXT NOT NULL,                 -- what was heard last
    UNIQUE (list, period, address, copy)
);
CREATE INDEX mail_open ON mail (state) WHERE state IN ('waiting', 'sending');

-- The latest turn of each list that was begun, or that lay before the list was new.
CREATE TABLE mail_list (
    list TEXT PRIMARY KEY,
    turn INTEGER NOT NULL
);

-- One row: the store's own name, part of every Message-ID, so that mail servers tell it from other stores.
CREATE TABLE mail_store (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL
);
INSERT INTO mail_store (id, name) VALUES (1, lower(hex(randomblob(6))));

-- version 5

-- Results of the last hours, as many in a row as came together: of one hour, and of one part of the series (series %
-- 8), so that an hour can be sealed in pieces. `series` names the series of each row of the blobs, which are like
-- those of `hour`; rows stand by intended start. A run's identity is (series, intended start): whoever adds looks into
-- the batches and the hour, so none is there twice. Table `hot` is empty since: what was in it is moved here.
CREATE TABLE batch (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    hour   INTEGER NOT NULL,
    part   INTEGER NOT NULL,
    series BLOB NOT NULL,
    core   BLOB NOT NULL,
    detail BLOB NOT NULL
);
CREATE INDEX batch_part ON batch (hour, part);
