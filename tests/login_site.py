"""A small site with a login, over TLS under a CA of its own, that can behave in every odd way."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

from launchready_lib.client import Client
from tests import certificates
from tests.web_servers import DOMAIN, Asked, Reply, client, serving

EMAIL, PASSWORD = "member@acme.example", "right-horse-77"
JSON = "application/json"
ALLOW = ("login", "flows")

FORM = (
    "<form method=post action=/login><input type=hidden name=csrf value=t1><input type=email name=email>"
    "<input type=password name=password><button>Sign in</button></form>"
)
WAY_OUT = "<form method=post action=/logout><input type=hidden name=csrf value=t1><button>Sign out</button></form>"
SCRIPTED = """<div><input type=email id=e><input type=password id=p onkeydown="if (event.key === 'Enter') go()"></div>
<p role=status></p><script>async function go() {
  const reply = await fetch('/login', {method: 'POST', body: new URLSearchParams({email: e.value, password: p.value})});
  if (reply.ok) { localStorage.setItem('token', 'from-script'); location.assign('/dashboard'); }
  else document.body.insertAdjacentHTML('beforeend', '<p role=alert>E-mail or password is not right</p>');
}</script>"""


@dataclass
class LoginSite:
    """The site's state and its habits.

    Attributes:
        login_page: the HTML of /login.
        overrides: path -> what answers instead.
        ends_sessions: logging out ends the session on the server.
        open_reads: the core read answers strangers too.
        tells: a wrong password is told apart from an unknown address.
    """

    login_page: str = FORM
    overrides: dict[str, Callable[[Asked], Reply]] = field(default_factory=dict)
    ends_sessions: bool = True
    open_reads: bool = False
    tells: bool = False
    sessions: set[str] = field(default_factory=set)
    asked: list[Asked] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if asked.path in self.overrides:
            return self.overrides[asked.path](asked)
        session = asked.headers.get("cookie", "").partition("session=")[2].partition(";")[0]
        inside = session in self.sessions
        if asked.path == "/login":
            return self._login(asked) if asked.method == "POST" else Reply(f"<title>Sign in</title>{self.login_page}")
        if asked.path == "/api/me":
            return Reply('{"me": 1}', kind=JSON) if inside or self.open_reads else Reply("{}", 401, kind=JSON)
        if asked.path == "/dashboard":
            return (
                Reply(f"<h1>Welcome</h1>{WAY_OUT}") if inside else Reply(status=303, headers=(("Location", "/login"),))
            )
        if asked.path == "/logout":
            if self.ends_sessions:
                self.sessions.discard(session)
            return Reply(status=303, headers=(("Location", "/login"), ("Set-Cookie", "session=; Max-Age=0; Path=/")))
        return Reply("<h1>Page not found</h1>", 404)

    def _login(self, asked: Asked) -> Reply:
        given = {key: values[0] for key, values in parse_qs(asked.body.decode()).items()}
        if (given.get("email"), given.get("password")) != (EMAIL, PASSWORD):
            words = (
                "No such member" if self.tells and given.get("email") != EMAIL else "E-mail or password is not right"
            )
            shown = given.get("email", "")
            return Reply(f"<p role=alert>{words}</p><p>You typed {shown}</p>{self.login_page}", 401)
        session = secrets.token_hex(8)
        self.sessions.add(session)
        cookie = f"session={session}; Path=/; Secure; HttpOnly; SameSite=Lax"
        return Reply(status=303, headers=(("Location", "/dashboard"), ("Set-Cookie", cookie)))


@asynccontextmanager
async def login_site(
    folder: Path, habits: LoginSite | None = None, /, **sections
) -> AsyncIterator[tuple[Client, LoginSite]]:
    """The site running, and a client whose test account it knows."""
    site = habits or LoginSite()
    authority = certificates.issue("Test CA", ca=True)
    (folder / "ca.pem").write_bytes(authority.pem)
    leaf = certificates.issue(DOMAIN, authority, names=[DOMAIN])
    given = {
        "authorization": {"granted_by": "x", "granted_on": "2026-01-01", "hosts": [DOMAIN], "allow": list(ALLOW)},
        "accounts": {"member": {"email": EMAIL, "password": "${ACME_PASSWORD}"}},
        "site": {"pages": {"login": "/login", "dashboard": "/dashboard"}, "core_reads": {"me": "/api/me"}},
    }
    network = {"ca_file": str(folder / "ca.pem"), **sections.pop("network", {})}
    context = certificates.context(folder, leaf, authority)
    async with (
        serving(site, context=context) as served,
        client(served.port, network=network, **(given | sections)) as acme,
    ):
        acme.environment = {"ACME_PASSWORD": PASSWORD}
        yield acme, site
