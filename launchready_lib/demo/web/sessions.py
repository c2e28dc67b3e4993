"""Who is signed in: sessions live in the database, end on their own, and are known to it by their hash alone."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time

from tornado.web import RequestHandler

from launchready_lib.demo.web.club import Club
from launchready_lib.demo.web.database import Database

COOKIE = "__Host-session"
LOOSE_COOKIE = "session"
"""The cookie's name where it lacks what the prefix `__Host-` demands (RFC 6265bis §4.1.3)."""
LIFETIME_S = 14 * 86_400


def token_hash(token: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def token_of(handler: RequestHandler) -> str | None:
    """The session token that a request carries."""
    return handler.get_cookie(COOKIE) or handler.get_cookie(LOOSE_COOKIE)


def member(database: Database, handler: RequestHandler) -> sqlite3.Row | None:
    """The member whose session a request carries, while it lasts."""
    if not (token := token_of(handler)):
        return None
    return database.one(
        "SELECT m.id, m.email, m.name, m.bio, m.role, m.status, m.plan FROM sessions s JOIN members m"
        " ON m.id = s.member_id WHERE s.id = ? AND s.expires_at > ?",
        token_hash(token),
        int(time.time()),
    )


def begin(club: Club, handler: RequestHandler, member_id: int) -> None:
    """Sign a member in on this device, under a new token."""
    if old := token_of(handler):
        club.database.run("DELETE FROM sessions WHERE id = ?", token_hash(old))
    token, now = secrets.token_urlsafe(32), int(time.time())
    club.database.run("DELETE FROM sessions WHERE member_id = ? AND expires_at <= ?", member_id, now)
    club.database.run("INSERT INTO sessions VALUES (?, ?, ?)", token_hash(token), member_id, now + LIFETIME_S)
    if club.on("headers.cookies"):
        handler.set_cookie(LOOSE_COOKIE, token, max_age=LIFETIME_S)
    else:
        handler.set_cookie(COOKIE, token, max_age=LIFETIME_S, secure=True, httponly=True, samesite="Lax")


def end(club: Club, handler: RequestHandler) -> None:
    """Sign out on this device."""
    token = token_of(handler)
    if token and not club.on("sessions.logout"):
        club.database.run("DELETE FROM sessions WHERE id = ?", token_hash(token))
    for name in (COOKIE, LOOSE_COOKIE):
        handler.clear_cookie(name, secure=True, httponly=True, samesite="Lax")


def end_others(club: Club, member_id: int, but: str | None = None) -> None:
    """Sign a member out everywhere, but for one session."""
    kept = token_hash(but) if but else ""
    club.database.run("DELETE FROM sessions WHERE member_id = ? AND id <> ?", member_id, kept)
