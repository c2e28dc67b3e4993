"""What admins do: see members, change a subscription, and start work on many of them at once."""

from __future__ import annotations

import asyncio
import csv
import io
import secrets
import sqlite3
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from tornado.web import HTTPError

from launchready_lib.demo import names
from launchready_lib.demo.web.accounts import EMAIL
from launchready_lib.demo.web.club import Club
from launchready_lib.demo.web.handler import Handler

STATUSES = ("trial", "active", "past_due", "canceled")
PAGE = 50
CHUNK = 50
MOST_INVITES = 200
PROGRESS = "UPDATE jobs SET done = ?, total = ? WHERE id = ?"
DONE = "UPDATE jobs SET status = 'done' WHERE id = ?"
LISTED = "SELECT id, name, email, role, status, plan, cohort FROM members WHERE id > ? ORDER BY id LIMIT ?"


class AdminHandler(Handler):
    """Base of everything that only admins reach."""

    access = "admin"

    def listed(self) -> list[sqlite3.Row]:
        """One page of members, after the id that the address gives."""
        after = self.get_query_argument("after", "0")
        if not after.isdecimal() or len(after) > 9:
            raise HTTPError(400)
        return self.club.database.all(LISTED, int(after), PAGE)

    def change(self, member: int, status: object) -> None:
        """Set one member's subscription; raises `HTTPError`."""
        if status not in STATUSES:
            raise HTTPError(400)
        if not self.club.database.run("UPDATE members SET status = ? WHERE id = ?", status, member):
            raise HTTPError(404)
        self.club.journal.event("subscription changed", member=member, status=status)

    def wanted(self) -> dict[str, Any]:
        """The JSON object that came with the request, empty where none did."""
        if not isinstance(self.body, dict | None):
            raise HTTPError(400)
        return self.body or {}


class Admin(AdminHandler):
    """The members, as a page."""

    route = "/admin"

    def get(self) -> None:
        """Show a page of them."""
        rows = self.listed()
        following = rows[-1]["id"] if len(rows) == PAGE else None
        self.page("admin", csrf=self.csrf(), rows=rows, statuses=STATUSES, following=following)


class AdminChange(AdminHandler):
    """One member's subscription, by the page's form."""

    def post(self, member: str) -> None:
        """Change it and go back to the page."""
        self.change(int(member), self.form().get("status"))
        self.redirect("/admin", status=303)


class Members(AdminHandler):
    """The members, as data."""

    def get(self) -> None:
        """Give a page of them."""
        self.data({"members": [dict(row) for row in self.listed()]})


class MemberPage(AdminHandler):
    """One member, as data."""

    def patch(self, member: str) -> None:
        """Change the subscription."""
        self.change(int(member), self.wanted().get("status"))
        self.data({"id": int(member), "status": self.wanted()["status"]})


class Billing(AdminHandler):
    """What the payment provider's events made of a member."""

    def get(self, customer: str) -> None:
        """Give status and number of payments."""
        found = self.club.database.one("SELECT status, payments FROM members WHERE customer = ?", customer)
        if found is None:
            raise HTTPError(404)
        self.data({"customer": customer, "status": found["status"], "payments": found["payments"]})


class Export(AdminHandler):
    """All members as a table, made behind the answer."""

    def post(self) -> None:
        """Accept the work."""
        accept(self, "export", lambda job: export(self.club, job))


class Invites(AdminHandler):
    """Invitations to many addresses, sent behind the answer."""

    def post(self) -> None:
        """Accept the work."""
        emails = self.wanted().get("emails", [])
        fine = isinstance(emails, list) and all(isinstance(one, str) and EMAIL.fullmatch(one) for one in emails)
        if not fine or len(emails) > MOST_INVITES:
            raise HTTPError(400)
        accept(self, "invites", lambda job: invite(self.club, job, emails))


class Cohort(AdminHandler):
    """A new plan for everybody who joined in one month, set behind the answer."""

    def post(self) -> None:
        """Accept the work."""
        wanted = self.wanted()
        if wanted.get("plan") not in {"monthly", "yearly"} or not isinstance(wanted.get("cohort"), str):
            raise HTTPError(400)
        accept(self, "cohort", lambda job: move(self.club, job, wanted["cohort"], wanted["plan"]))


class Job(AdminHandler):
    """How far a piece of work is."""

    def get(self, job: str) -> None:
        """Give its state."""
        sql = "SELECT id, kind, status, done AS processed, total, result <> '' AS ready FROM jobs WHERE id = ?"
        if (row := self.club.database.one(sql, job)) is None:
            raise HTTPError(404)
        state = dict(row)
        self.data(state | ({"result_url": f"/admin/api/jobs/{job}/result"} if state.pop("ready") else {}))


class JobResult(AdminHandler):
    """What an export made."""

    def get(self, job: str) -> None:
        """Give the table."""
        row = self.club.database.one("SELECT result FROM jobs WHERE id = ? AND status = 'done'", job)
        if row is None:
            raise HTTPError(404)
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", 'attachment; filename="members.csv"')
        self.finish(row["result"])


def accept(handler: AdminHandler, kind: str, work: Callable[[str], Coroutine[object, object, None]]) -> None:
    """Answer at once with where to look for progress, and do the work behind the answer."""
    job = secrets.token_hex(8)
    handler.club.database.run("INSERT INTO jobs (id, kind) VALUES (?, ?)", job, kind)
    handler.club.behind(work(job))
    handler.set_header("Location", f"/admin/api/jobs/{job}")
    handler.data({"job": job, "status_url": f"/admin/api/jobs/{job}"}, status=202)


async def export(club: Club, job: str) -> None:
    """Write all members to a table, a few at a time."""
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["id", "name", "email", "role", "status", "plan", "cohort"])
    last, done = 0, 0
    while rows := club.database.all(LISTED, last, CHUNK):
        writer.writerows([_harmless(value) for value in row] for row in rows)
        last, done = rows[-1]["id"], done + len(rows)
        club.database.run(PROGRESS, done, done, job)
        await asyncio.sleep(0)
    club.database.run("UPDATE jobs SET status = 'done', result = ? WHERE id = ?", table.getvalue(), job)


async def invite(club: Club, job: str, emails: list[str]) -> None:
    """Send each address one invitation."""
    today = datetime.now(UTC).date().isoformat()
    for done, email in enumerate(emails, start=1):
        if club.database.run("INSERT OR IGNORE INTO invites (email, invited_on) VALUES (?, ?)", email.lower(), today):
            await club.send("invitation", email, f"{names.CANONICAL}/signup")
        club.database.run(PROGRESS, done, len(emails), job)
    club.database.run(DONE, job)


async def move(club: Club, job: str, cohort: str, plan: str) -> None:
    """Give everybody of one cohort another plan, a few at a time."""
    members = [row["id"] for row in club.database.all("SELECT id FROM members WHERE cohort = ?", cohort)]
    for start in range(0, len(members), CHUNK):
        chunk = members[start : start + CHUNK]
        with club.database.transaction():
            for member in chunk:
                club.database.run("UPDATE members SET plan = ? WHERE id = ?", plan, member)
        club.database.run(PROGRESS, start + len(chunk), len(members), job)
        await asyncio.sleep(0)
    club.database.run(DONE, job)


def _harmless(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value
