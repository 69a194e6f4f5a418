-- What happened, in order. The body says what, as JSON; the columns beside it
-- follow from it, for looking things up.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    -- Milliseconds since 1970-01-01 UTC.
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    -- BLAKE3 over the hash before it, the event, and its candidates' rows.
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    kind TEXT NOT NULL GENERATED ALWAYS AS (body ->> '$.kind') STORED,
    -- The candidate that it speaks of, where it is one.
    candidate INTEGER GENERATED ALWAYS AS (body ->> '$.candidate') STORED,
    -- The event that it takes back, where it does.
    undone INTEGER GENERATED ALWAYS AS (body ->> '$.event') STORED
) STRICT;

CREATE INDEX events_of_candidate ON events (candidate) WHERE candidate IS NOT NULL;
CREATE INDEX events_undone ON events (undone) WHERE undone IS NOT NULL;

-- The rows that belong to candidates-added events. `id` counts from 0.
CREATE TABLE candidates (
    id INTEGER PRIMARY KEY,
    event INTEGER NOT NULL REFERENCES events (id),
    key BLOB NOT NULL UNIQUE CHECK (length(key) = 32),
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    x0 INTEGER, y0 INTEGER, x1 INTEGER, y1 INTEGER,
    grp TEXT,
    part TEXT NOT NULL,
    origin TEXT NOT NULL
) STRICT;

CREATE INDEX candidates_of_event ON candidates (event);

-- Both are appended to and never changed; a REPLACE is refused with the rest.
CREATE TRIGGER events_follow BEFORE INSERT ON events
WHEN NEW.id IS NOT (SELECT coalesce(max(id), 0) + 1 FROM events)
BEGIN SELECT RAISE(ABORT, 'an event must follow the last one'); END;
CREATE TRIGGER events_stay BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER events_remain BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

CREATE TRIGGER candidates_follow BEFORE INSERT ON candidates
WHEN NEW.id IS NOT (SELECT coalesce(max(id), -1) + 1 FROM candidates)
BEGIN SELECT RAISE(ABORT, 'a candidate must follow the last one'); END;
CREATE TRIGGER candidates_stay BEFORE UPDATE ON candidates
BEGIN SELECT RAISE(ABORT, 'candidates are never changed'); END;
CREATE TRIGGER candidates_remain BEFORE DELETE ON candidates
BEGIN SELECT RAISE(ABORT, 'candidates are never deleted'); END;
