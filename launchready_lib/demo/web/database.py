"""Harbor Club's database: SQLite in write-ahead mode, indexes where its pages look, every statement timed."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from launchready_lib.demo import names
from launchready_lib.demo.texts import DATA
from launchready_lib.demo.web.logs import Journal

MEMBERS = 500
EVENTS = 300
POSTS = 2_000
ATTENDANCES_EACH = 6
TEST_CUSTOMER = "cus_HarborTestMember"
"""The payment provider's id of the test member, whom the captured webhook events are about."""


class Database:
    """One SQLite database, written by one thread; each statement goes to the query log with its time."""

    def __init__(self, path: Path, journal: Journal) -> None:
        self.path = path
        self._journal = journal
        path.unlink(missing_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA foreign_keys=ON;")
        self._connection.executescript((DATA / "schema.sql").read_text(encoding="utf-8"))

    def all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Every row of a query."""
        return self._timed(sql, values)[0]

    def one(self, sql: str, *values: object) -> sqlite3.Row | None:
        """The first row of a query, if any."""
        rows = self.all(sql, *values)
        return rows[0] if rows else None

    def run(self, sql: str, *values: object) -> int:
        """Change rows; returns how many."""
        return self._timed(sql, values)[1]

    def insert(self, sql: str, *values: object) -> int:
        """Insert one row; returns its id."""
        return self._timed(sql, values)[2]

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of these changes, or none where one raises."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _timed(self, sql: str, values: tuple[object, ...]) -> tuple[list[sqlite3.Row], int, int]:
        started = time.perf_counter()
        with contextlib.closing(self._connection.execute(sql, values)) as cursor:
            rows = cursor.fetchall()
            self._journal.query(sql, (time.perf_counter() - started) * 1_000)
            return rows, cursor.rowcount, cursor.lastrowid or 0

    def seed(self, member: str, admin: str) -> None:
        """Fill in a community of `MEMBERS`; the two test accounts get these password hashes, the others none."""
        today = datetime.now(UTC).date()
        day = [(today + timedelta(days=offset)).isoformat() for offset in range(-400, 200)]
        people = [_person(number, day) for number in range(3, MEMBERS + 1)]
        people += [
            (1, names.MEMBER_EMAIL, "Test Member", "member", "canceled", TEST_CUSTOMER, member, "test", day[0]),
            (2, names.ADMIN_EMAIL, "Test Admin", "admin", "active", None, admin, "test", day[0]),
        ]
        rows: dict[str, list[tuple[object, ...]]] = {
            "members (id, email, name, role, status, customer, password, cohort, joined_on)": people,
            "events": [(n, f"Harbor evening {n}", f"Pier {n % 7 + 1}", day[200 + n]) for n in range(1, EVENTS + 1)],
            "attendances": [
                (m, (m * 7 + k * 53) % EVENTS + 1) for m in range(1, MEMBERS + 1) for k in range(ATTENDANCES_EACH)
            ],
            "posts": [
                (n, n % MEMBERS + 1, f"Note {n}", f"What we learned on day {n} at the pier.", day[n // 5])
                for n in range(1, POSTS + 1)
            ],
        }
        with self.transaction():
            for table, values in rows.items():
                marks = ", ".join("?" * len(values[0]))
                self._connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)  # noqa: S608 - our own names
        self._connection.execute("ANALYZE")


def _person(number: int, day: list[str]) -> tuple[object, ...]:
    joined = day[number % 390]
    status = "active" if number % 9 else "canceled"
    email, customer = f"member{number}@members.example", f"cus_Harbor{number:06d}"
    return (number, email, f"Member {number}", "member", status, customer, "!", joined[:7], joined)
