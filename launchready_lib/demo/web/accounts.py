"""Signing up, in and out, and choosing a new password."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
import sqlite3
import time
from collections import defaultdict
from datetime import UTC, datetime

from launchready_lib.demo import names
from launchready_lib.demo.web.handler import LOOSE_SESSION, SESSION, Handler, token_hash

SHORTEST_PASSWORD = 8
LINK_LIFETIME_S = 3_600
END_OTHERS = "DELETE FROM sessions WHERE member_id = ? AND id <> ?"
"""Sign a member out everywhere, but for one session."""
EMAIL = re.compile(r"[^@\s<>\",;]{1,64}@[^@\s<>\",;]{1,190}\.[^@\s<>\",;.]{2,63}")


def hash_password(password: str, salt: bytes | None = None) -> str:
    """`salt$hash` in hexadecimal, by scrypt (RFC 7914) with 16 MiB."""
    salt = salt or secrets.token_bytes(16)
    return f"{salt.hex()}${hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1).hex()}"


NOBODY = f"{'00' * 16}${'00' * 64}"
"""Compared with where no account matches, so that the answer takes as long."""


async def password_fits(password: str, stored: str) -> bool:
    """Whether this is the password, found out beside the event loop."""
    salt = (stored if "$" in stored else NOBODY).partition("$")[0]
    given = await asyncio.to_thread(hash_password, password[:1_000], bytes.fromhex(salt))
    return hmac.compare_digest(given.encode(), stored.encode())


class Login(Handler):
    """Sign in."""

    def get(self) -> None:
        """Show the form."""
        self._show("", self.get_query_argument("next", ""))

    async def post(self) -> None:
        """Sign in, or say no without saying which part was wrong."""
        fields = self.form()
        found = self.club.database.one(
            "SELECT id, password FROM members WHERE email = ?", fields["email"].strip().lower()
        )
        if await password_fits(fields["password"], found["password"] if found else NOBODY) and found:
            self.begin_session(found["id"])
            self.club.journal.event("signed in", member=found["id"])
            self.redirect(_local(fields["next"]) or self.settings["first_page"], status=303)
            return
        self.club.journal.event("sign-in refused")
        problem = "That e-mail address and password do not match."
        if self.club.on("flows.login"):
            problem = "Wrong password." if found else "There is no account with that e-mail address."
        self._show(problem, fields["next"], status=401, email=fields["email"])

    def _show(self, problem: str, following: str, status: int = 200, email: str = "") -> None:
        self.page("login", status, csrf=self.csrf(), problem=problem, following=_local(following), email=email)


class Signup(Handler):
    """Become a member."""

    def get(self) -> None:
        """Show the form."""
        self._show("", defaultdict(str))

    async def post(self) -> None:
        """Make the account and sign in."""
        fields = self.form()
        email, name = fields["email"].strip().lower(), fields["name"].strip()[:80]
        if not EMAIL.fullmatch(email) or not name:
            self._show("Please give your name and a valid e-mail address.", fields)
            return
        if len(fields["password"]) < SHORTEST_PASSWORD:
            self._show(f"Please choose a password of at least {SHORTEST_PASSWORD} characters.", fields)
            return
        hashed = await asyncio.to_thread(hash_password, fields["password"][:1_000])
        today = datetime.now(UTC).date().isoformat()
        try:
            member = self.club.database.insert(
                "INSERT INTO members (email, name, password, cohort, joined_on) VALUES (?, ?, ?, ?, ?)",
                email, name, hashed, today[:7], today,
            )  # fmt: skip
        except sqlite3.IntegrityError:
            self._show(
                "We could not make that account. If you have one already, sign in or choose a new password.", fields
            )
            return
        self.begin_session(member)
        self.club.journal.event("signed up", member=member)
        self.redirect("/dashboard", status=303)

    def _show(self, problem: str, fields: defaultdict[str, str]) -> None:
        status = 422 if problem else 200
        self.page("signup", status, csrf=self.csrf(), problem=problem,
                  email=fields["email"], name=fields["name"])  # fmt: skip


class Logout(Handler):
    """Sign out."""

    def post(self) -> None:
        """End this session, here and in the database."""
        self.form()
        if self.session and not self.club.on("sessions.logout"):
            self.club.database.run("DELETE FROM sessions WHERE id = ?", token_hash(self.session))
        for name in (SESSION, LOOSE_SESSION):
            self.clear_cookie(name, secure=True, httponly=True, samesite="Lax")
        self.club.journal.event("signed out")
        self.redirect("/", status=303)


class Forgot(Handler):
    """Ask for a link to choose a new password."""

    def get(self) -> None:
        """Show the form."""
        self.page("forgot", csrf=self.csrf(), sent=False)

    def post(self) -> None:
        """Send the link where there is such an account, and say the same in any case."""
        email = self.form()["email"].strip().lower()
        if found := self.club.database.one("SELECT id FROM members WHERE email = ?", email):
            token = secrets.token_urlsafe(32)
            self.club.database.run(
                "INSERT INTO reset_tokens VALUES (?, ?, ?)",
                token_hash(token), found["id"], int(time.time()) + LINK_LIFETIME_S,
            )  # fmt: skip
            self.club.behind(self.club.send("reset", email, f"{names.CANONICAL}/reset?token={token}"))
        self.club.journal.event("new password asked for")
        self.page("forgot", csrf=self.csrf(), sent=True)


class Reset(Handler):
    """Choose a new password with a link that works once."""

    def get(self) -> None:
        """Show the form; looking does not use the link up."""
        token = self.get_query_argument("token", "")
        valid = self._owner(token) is not None
        self._show(token, "" if valid else "This link is used up or too old. Ask for a new one.", valid=valid)

    async def post(self) -> None:
        """Set the password, use the link up, and end every session."""
        fields = self.form()
        token, password = fields["token"], fields["password"]
        if len(password) < SHORTEST_PASSWORD:
            self._show(token, f"Please choose at least {SHORTEST_PASSWORD} characters.", valid=True)
            return
        hashed = await asyncio.to_thread(hash_password, password[:1_000])
        owner = self._owner(token)
        if owner is None:
            self._show("", "This link is used up or too old. Ask for a new one.", valid=False)
            return
        with self.club.database.transaction():
            self.club.database.run("DELETE FROM reset_tokens WHERE member_id = ?", owner)
            self.club.database.run("UPDATE members SET password = ? WHERE id = ?", hashed, owner)
            self.club.database.run(END_OTHERS, owner, "")
        self.club.journal.event("new password set", member=owner)
        self.redirect("/login", status=303)

    def _owner(self, token: str) -> int | None:
        found = self.club.database.one(
            "SELECT member_id FROM reset_tokens WHERE id = ? AND expires_at > ?",
            token_hash(token), int(time.time()),
        )  # fmt: skip
        return int(found["member_id"]) if found else None

    def _show(self, token: str, problem: str, *, valid: bool) -> None:
        self.page("reset", 422 if problem else 200, csrf=self.csrf(), token=token, problem=problem, valid=valid)


class ChangePassword(Handler):
    """Change the password while signed in."""

    access = "member"

    async def post(self) -> None:
        """Change it, and sign out every other device."""
        fields = self.form()
        member, new = int(self.present["id"]), fields["new_password"]
        stored = self.club.database.one("SELECT password FROM members WHERE id = ?", member)
        fits = await password_fits(fields["password"], stored["password"] if stored else NOBODY)
        if not fits or len(new) < SHORTEST_PASSWORD:
            problem = "The new password is too short." if fits else "The present password is not right."
            self.page("profile", 422, csrf=self.csrf(), problem=problem, saved=False)
            return
        hashed = await asyncio.to_thread(hash_password, new[:1_000])
        self.club.database.run("UPDATE members SET password = ? WHERE id = ?", hashed, member)
        self.club.database.run(END_OTHERS, member, token_hash(self.session or ""))
        self.club.journal.event("password changed", member=member)
        self.redirect("/profile?saved=1", status=303)


def _local(following: str) -> str:
    """The address to go on to, if it is one of ours."""
    safe = following.startswith("/") and not following.startswith(("//", "/\\")) and following.isprintable()
    return following if safe else ""
