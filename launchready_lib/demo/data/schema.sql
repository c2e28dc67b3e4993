CREATE TABLE members (
    id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, bio TEXT NOT NULL DEFAULT '',
    role TEXT NOT NULL DEFAULT 'member', status TEXT NOT NULL DEFAULT 'trial', plan TEXT NOT NULL DEFAULT 'monthly',
    customer TEXT UNIQUE, password TEXT NOT NULL, payments INTEGER NOT NULL DEFAULT 0,
    changed_by_event_at INTEGER NOT NULL DEFAULT 0, cohort TEXT NOT NULL, joined_on TEXT NOT NULL);
CREATE INDEX members_cohort ON members (cohort);
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, member_id INTEGER NOT NULL REFERENCES members (id), expires_at INTEGER NOT NULL);
CREATE INDEX sessions_member ON sessions (member_id);
CREATE TABLE reset_tokens (
    id TEXT PRIMARY KEY, member_id INTEGER NOT NULL REFERENCES members (id), expires_at INTEGER NOT NULL);
CREATE INDEX reset_tokens_member ON reset_tokens (member_id);
CREATE TABLE webhook_events (id TEXT PRIMARY KEY, type TEXT NOT NULL, created INTEGER NOT NULL);
CREATE TABLE events (id INTEGER PRIMARY KEY, title TEXT NOT NULL, place TEXT NOT NULL, starts_on TEXT NOT NULL);
CREATE INDEX events_start ON events (starts_on);
CREATE TABLE attendances (
    member_id INTEGER NOT NULL REFERENCES members (id), event_id INTEGER NOT NULL REFERENCES events (id),
    PRIMARY KEY (member_id, event_id)) WITHOUT ROWID;
CREATE INDEX attendances_event ON attendances (event_id);
CREATE TABLE posts (
    id INTEGER PRIMARY KEY, member_id INTEGER NOT NULL REFERENCES members (id), title TEXT NOT NULL,
    body TEXT NOT NULL, posted_on TEXT NOT NULL);
CREATE INDEX posts_posted ON posts (posted_on);
CREATE INDEX posts_member ON posts (member_id);
CREATE TABLE checkouts (
    id TEXT PRIMARY KEY, member_id INTEGER NOT NULL REFERENCES members (id), plan TEXT NOT NULL);
CREATE INDEX checkouts_member ON checkouts (member_id);
CREATE TABLE invites (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, invited_on TEXT NOT NULL);
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'running', done INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0, result TEXT NOT NULL DEFAULT '');
