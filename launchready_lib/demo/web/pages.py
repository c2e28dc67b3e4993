"""What members see: home, dashboard, profile and checkout, and the data behind them."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime

from tornado.web import HTTPError

from launchready_lib.demo import names
from launchready_lib.demo.web.handler import Handler
from launchready_lib.demo.web.repository import PREVIOUS

SLOW_READ_S = 0.6
SLOW_NOW_AND_THEN_S = 0.9
NOW_AND_THEN = 8
"""One read in so many is slow: an eighth is well over a twentieth, and far from half."""
TEXTS = {
    "/robots.txt": "User-agent: *\nDisallow: /admin\nDisallow: /api/\nDisallow: /dashboard\n",
    "/.well-known/mta-sts.txt": f"version: STSv1\r\nmode: enforce\r\nmx: {names.MAIL_HOST}\r\nmax_age: 604800\r\n",
}
"""What search engines may read, and what senders of mail must insist on (RFC 8461 section 3.2): one mail host alone."""
LEAKED = {
    ".env": "APP_ENV=production\nSESSION_SECRET={secret}\nMAIL_RELAY=smtp.postlane.example",
    ".git/HEAD": "ref: refs/heads/main\n",
    ".git/config": "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n",
}
PLANS = {"monthly": "19 € a month", "yearly": "190 € a year"}

MY_EVENTS = (
    "SELECT e.id, e.title, e.place, e.starts_on FROM attendances a JOIN events e ON e.id = a.event_id"
    " WHERE a.member_id = ? AND e.starts_on >= ? ORDER BY e.starts_on LIMIT 5"
)
NEXT_EVENTS = "SELECT id, title, place, starts_on FROM events WHERE starts_on >= ? ORDER BY starts_on LIMIT 5"
NEW_POSTS = (
    "SELECT p.id, p.title, m.name AS author, p.posted_on FROM posts p JOIN members m ON m.id = p.member_id"
    " WHERE p.posted_on >= ? ORDER BY p.posted_on DESC LIMIT 10"
)
NEWS_FROM = "2000-01-01"


class Home(Handler):
    """The first page."""

    keeping = "private, no-cache"

    def get(self) -> None:
        """Show it."""
        self.page(
            "home",
            busy=self.club.on("pages.interactive"),
            outside=self.club.on("headers.integrity"),
            plain=names.CANONICAL.replace("https:", "http:") if self.club.on("pages.mixed_content") else "",
        )


class Dashboard(Handler):
    """What a member sees first; its script asks for the data."""

    access = "member"

    def get(self) -> None:
        """Show the frame."""
        self.page("dashboard", csrf=self.csrf())


class DashboardData(Handler):
    """The core read behind the dashboard."""

    access = "member"
    keeping = "private, no-cache"

    async def get(self) -> None:
        """Three queries, one answer, the same bytes until something changes."""
        self.club.reads[self.route] += 1
        if self.club.on("latency.quick"):
            await asyncio.sleep(SLOW_READ_S)
        elif self.club.on("latency.p95") and self.club.reads[self.route] % NOW_AND_THEN == 0:
            await asyncio.sleep(SLOW_NOW_AND_THEN_S)
        member = self.present
        today = datetime.now(UTC).date().isoformat()
        database = self.club.database
        self.data(
            {
                "member": {"name": member["name"], "status": member["status"]},
                "my_events": [dict(row) for row in database.all(MY_EVENTS, member["id"], today)],
                "next_events": [dict(row) for row in database.all(NEXT_EVENTS, today)],
                "new_posts": [dict(row) for row in database.all(NEW_POSTS, NEWS_FROM)],
            }
        )


class Profile(Handler):
    """What a member says about themselves."""

    access = "member"

    def get(self) -> None:
        """Show the form."""
        self.page("profile", csrf=self.csrf(), problem="", saved=bool(self.get_query_argument("saved", "")))

    def post(self) -> None:
        """Keep what was changed."""
        fields = self.form()
        if not fields["name"].strip():
            self.page("profile", 422, csrf=self.csrf(), problem="Please give a name.", saved=False)
            return
        keep_profile(self, fields["name"], fields["bio"])
        self.redirect("/profile?saved=1", status=303)


class Me(Handler):
    """The core read behind the profile."""

    access = "member"
    keeping = "private, no-cache"

    def get(self) -> None:
        """Tell a member who they are."""
        self.data({key: self.present[key] for key in ("id", "email", "name", "bio", "status", "plan")})

    def patch(self) -> None:
        """Change name or bio."""
        change = self.body
        if not isinstance(change, dict) or not all(isinstance(value, str) for value in change.values()):
            raise HTTPError(400)
        member = self.present
        keep_profile(self, change.get("name") or member["name"], change.get("bio", member["bio"]))
        self.data({"saved": True})


class Checkout(Handler):
    """Where a member pays, in the payment provider's test mode."""

    access = "member"

    def get(self) -> None:
        """Show plans and the form."""
        self.page("checkout", csrf=self.csrf(), plans=PLANS, done=False)

    def post(self) -> None:
        """Open a checkout; membership follows when the provider's event arrives."""
        plan = self.form()["plan"]
        if plan not in PLANS:
            raise HTTPError(400)
        checkout = f"cs_test_{secrets.token_hex(16)}"
        self.club.database.run("INSERT INTO checkouts VALUES (?, ?, ?)", checkout, self.present["id"], plan)
        self.redirect("/checkout/done", status=303)


class CheckoutDone(Handler):
    """What a member sees after paying."""

    access = "member"

    def get(self) -> None:
        """Say thank you."""
        self.page("checkout", csrf=self.csrf(), plans=PLANS, done=True)


class Health(Handler):
    """Whether the app and its database are up."""

    def get(self) -> None:
        """Ask the database one small question."""
        self.club.database.one("SELECT 1")
        self.data({"status": "ok"})


class Version(Handler):
    """Which release this is."""

    def get(self) -> None:
        """Say what the deploy left."""
        served = self.club.release_file.read_text(encoding="utf-8").strip()
        self.data({"release": PREVIOUS if self.club.on("deploy.release") else served})


class Text(Handler):
    """A plain text for programs."""

    keeping = "public, max-age=3600"

    def get(self) -> None:
        """Show it."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(TEXTS[self.request.path])


class ApiRoot(Handler):
    """The front door of the API host."""

    route = "/ (api)"

    def get(self) -> None:
        """Say what this is."""
        if self.club.on("subdomains.mapped"):
            self.page("home", busy=False, outside=False, plain="")
        else:
            self.data({"service": "Harbor Club API", "documentation": f"{names.CANONICAL}/"})


class Static(Handler):
    """Our own files, each under a name that changes with its content."""

    keeping = "public, max-age=31536000, immutable"

    def get(self, file: str) -> None:
        """Give one file."""
        if file not in self.settings["assets"].files:
            # As any unknown address, unless a careless build published its source maps, with a key in them.
            script, _ = self.settings["assets"].files.get(file.removesuffix(".map"), (b"", ""))
            if not script or not self.club.on("exposure.bundles"):
                raise HTTPError(404)
            source = f'const paymentsKey = "sk_live_{self.club.careless}";\n{script.decode()}'
            self.data({"version": 3, "sources": ["src/payments.js"], "sourcesContent": [source], "mappings": ""})
            return
        content, kind = self.settings["assets"].files[file]
        if self.club.on("exposure.bundles") and file.endswith(".js"):
            self.set_header("SourceMap", f"/static/{file}.map")
        if self.club.on("caching.static"):
            self.set_header("Cache-Control", "no-cache, must-revalidate, max-age=0")
        self.set_header("Content-Type", kind)
        self.finish(content)


class Leak(Handler):
    """Files that have no business on a web server; a careless one gives them to anybody."""

    route = "(unknown)"

    def get(self, file: str) -> None:
        """Answer as any unknown address, unless the fault is on."""
        if not self.club.on("exposure.files"):
            raise HTTPError(404)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(LEAKED[file].format(secret=secrets.token_hex(24)))


def keep_profile(handler: Handler, name: str, bio: str) -> None:
    """Store a member's own words."""
    member = handler.present
    handler.club.database.run(
        "UPDATE members SET name = ?, bio = ? WHERE id = ?", name.strip()[:80], bio.strip()[:1_000], member["id"]
    )
    handler.club.journal.event("profile changed", member=member["id"])
