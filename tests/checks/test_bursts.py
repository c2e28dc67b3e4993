"""A burst is bounded, stops at its first limit, touches nobody's account, and honest members still get in."""

import datetime as dt
from collections import Counter
from dataclasses import replace
from email.utils import format_datetime
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.checks.secure_edge import bursts
from launchready_lib.checks.secure_edge.bursts import Burst, BurstEvidence, Honest
from launchready_lib.evidence import Unavailable
from launchready_lib.record.findings import Status
from tests.web_servers import Reply, client, serving

pytestmark = pytest.mark.anyio

PASSWORD = "right-horse-battery"
EMAIL = "test-member@acme.example"
FORM = "<p>{say}<form method=post action={path}><input name=email type=email>{password}</form>"
PAGES = {
    "/login": "<input type=password name=password>",
    "/signup": "<input type=password name=password>",
    "/forgot": "",
}


class Site:
    """A site with three forms; `limit(path, tries)` gives what it answers instead, from some try on."""

    def __init__(self, limit=lambda _path, _tries: None):
        self.limit = limit
        self.tries = Counter()
        self.seen = []

    def __call__(self, asked):
        if asked.path == "/dashboard":
            if "session=1" in asked.headers.get("cookie", ""):
                return Reply("<h1>Welcome</h1><form method=post action=/logout><button>Sign out</button></form>")
            return Reply(status=302, headers=(("Location", "/login"),))
        if asked.path not in PAGES:
            return Reply("nothing here", 404)
        if asked.method == "GET":
            return self.page(asked.path)
        fields = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        self.seen.append((asked.path, fields, dict(asked.headers)))
        self.tries[asked.path] += 1
        if answer := self.limit(asked.path, self.tries[asked.path]):
            return answer
        if fields.get("password") == PASSWORD and fields.get("email") == EMAIL:
            return Reply(status=303, headers=(("Location", "/dashboard"), ("Set-Cookie", "session=1; Path=/")))
        return self.page(asked.path, "That did not work.", 401 if asked.path == "/login" else 422)

    def page(self, path, say="Hello", status=200):
        return Reply(FORM.format(say=say, path=path, password=PAGES[path]), status)


ACCOUNTS = {"member": {"email": EMAIL, "password": "${PW}"}, "new_email": "audit+{n}@acme.example"}
WHERE = {"canonical": "http://acme.example",
         "pages": {"login": "/login", "signup": "/signup", "reset": "/forgot", "dashboard": "/dashboard"}}  # fmt: skip
ALLOWED = ["login", "rate_limit"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(bursts, "PAUSE_S", 0.05)
    monkeypatch.setattr(bursts, "WITHIN_S", 0.4)


async def survey(site, *, allow=ALLOWED, pages=None, **sections):
    granted = {"granted_by": "the founder", "granted_on": "2026-01-01",
               "hosts": ["acme.example", "*.acme.example"], "allow": allow}  # fmt: skip
    async with serving(site) as served:
        sections = {
            "site": WHERE | ({"pages": pages} if pages else {}),
            "accounts": ACCOUNTS,
            "authorization": granted,
        } | sections
        async with client(served.port, **sections) as acme:
            acme.environment = {"PW": PASSWORD, "TOKEN": "let-me-pass"}
            return await bursts.survey(acme)


def limiting(answer, first=6):
    """Answer so from this try on; honest logins come after the burst's."""
    return lambda _path, tries: answer if tries >= first else None


def once(answer, first=6):
    """A limit that ends by itself after two answers."""
    return lambda _path, tries: answer if first <= tries < first + 2 else None


LIMITS = {
    "429": Reply("Wait.", 429, (("Retry-After", "0"), ("RateLimit", '"login";r=0;t=9'))),
    "403": Reply("No.", 403),
    "503": Reply("Busy.", 503),
    "a challenge": Reply("Prove it.", 403, (("cf-mitigated", "challenge"),)),
    "words": Reply("<p>Too many login attempts. Please try again in 57 seconds."),
}


@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
async def test_the_burst_stops_at_the_first_limit_and_an_honest_member_gets_in(limit):
    site = Site(once(limit))
    evidence = await survey(site)
    assert [len(burst.statuses) for burst in evidence.bursts] == [6, 6, 6]
    assert (site.tries["/signup"], site.tries["/forgot"]) == (6, 6)
    assert evidence.honest.signed_in
    found = bursts.limited(evidence)
    assert found.status is Status.PASS, found.summary
    assert len(found.evidence) == 4


async def test_what_the_limit_tells_is_recorded():
    evidence = await survey(Site(once(LIMITS["429"])))
    assert evidence.bursts[0].retry_after_s == 0
    assert evidence.bursts[0].told == 'ratelimit: "login";r=0;t=9'


async def test_without_a_limit_a_dozen_tries_are_enough_to_fail():
    site = Site()
    found = bursts.limited(await survey(site))
    assert found.status is Status.FAIL
    assert found.about == ("login", "signup", "reset")
    assert site.tries == {"/login": bursts.TRIES + 1, "/signup": bursts.TRIES, "/forgot": bursts.TRIES}


async def test_one_form_without_a_limit_fails_and_is_named():
    found = bursts.limited(
        await survey(Site(lambda path, tries: once(LIMITS["429"])(path, tries) if path != "/signup" else None))
    )
    assert (found.status, found.about) == (Status.FAIL, ("signup",))


async def test_nothing_of_anybody_is_in_the_tries():
    site = Site(once(LIMITS["429"]))
    await survey(site)
    burst = [(path, fields) for path, fields, _ in site.seen if fields.get("password") != PASSWORD]
    assert len(burst) == 18
    assert all(fields["email"].startswith("audit+burst-") for _, fields in burst)
    assert {fields["password"] for path, fields in burst if path == "/signup"} == {"x"}
    assert all(path == "/login" and fields["email"] == EMAIL for path, fields, _ in site.seen[18:])


async def test_the_tries_do_not_carry_what_lets_an_audit_pass():
    site = Site(once(LIMITS["429"]))
    evidence = await survey(site, network={"headers": {"X-Audit": "${TOKEN}"}})
    assert bursts.limited(evidence).status is Status.PASS
    assert not any("x-audit" in headers for _, _, headers in site.seen)


async def test_a_limit_that_keeps_honest_members_out_fails():
    evidence = await survey(Site(limiting(LIMITS["429"])))
    found = bursts.limited(evidence)
    assert (found.status, found.about) == (Status.FAIL, ("honest member",))
    assert evidence.honest.tries > 1


async def test_a_challenge_that_a_person_could_solve_does_not_fail():
    found = bursts.limited(await survey(Site(limiting(LIMITS["a challenge"]))))
    assert found.status is Status.UNKNOWN
    assert "network.headers" in found.needs


UNSEEN = {
    "refused from the first try on": (Site(limiting(Reply("no", 403), 1)), {}, "another reason"),
    "no such address": (Site(limiting(Reply("no", 404), 1)), {}, "another reason"),
    "it breaks": (Site(limiting(Reply("oh", 500), 3)), {}, "stopped answering"),
    "no form": (lambda _: Reply("<div id=root></div>"), {}, "no form of its own"),
    "no address": (Site(once(LIMITS["429"])), {"pages": {"login": "/login", "dashboard": "/board"}}, "signup page"),
    "no login allowed": (Site(once(LIMITS["429"])), {"allow": ["rate_limit"]}, "does not allow login"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSEEN)
async def test_what_could_not_be_tried_is_unknown(case, monkeypatch):
    monkeypatch.setattr("launchready_lib.network.browser.find_chromium", lambda: None)
    site, sections, words = UNSEEN[case]
    found = bursts.limited(await survey(site, **sections))
    assert found.status is Status.UNKNOWN, found.summary
    assert words in found.reason


async def test_without_permission_nothing_is_sent():
    site = Site()
    found = bursts.limited(await survey(site, allow=["login"]))
    assert (found.status, found.needs) == (Status.UNKNOWN, "authorization.allow: [rate_limit]")
    assert site.seen == []


# --- what is recorded -------------------------------------------------------------------------------------------------


def left(evidence):
    until = dt.datetime.fromisoformat(bursts.cooldown(evidence)["until"])
    return (until - dt.datetime.now(dt.UTC)).total_seconds()


def test_later_stages_wait_as_long_as_a_limit_may_hold():
    now = bursts.time.monotonic()
    met = [Burst(name, "u", (429,), "429", wait, ended=now) for name, wait in (("login", 300.0), ("signup", 30.0))]
    evidence = BurstEvidence(tuple(met), Honest())
    assert 295 < left(evidence) <= 300
    assert 25 < left(replace(evidence, honest=Honest(signed_in=True))) <= 30
    assert 55 < left(BurstEvidence((replace(met[1], retry_after_s=None),), Honest())) <= bursts.USUAL_WAIT_S
    assert left(BurstEvidence((replace(met[0], limit=""),), Honest())) <= 0
    assert left(Unavailable("no", "authorization")) <= 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, None), ("20", 20.0), (" 7 ", 7.0), ("9" * 40, 86_400.0), ("soon", None), ("-5", None), ("", None)],
)
def test_retry_after_is_read_as_seconds(value, expected):
    assert bursts._seconds(value) == expected


def test_retry_after_is_read_as_a_date():
    later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90)
    assert 80 < bursts._seconds(format_datetime(later, usegmt=True)) <= 90
    assert bursts._seconds(format_datetime(later - dt.timedelta(hours=1), usegmt=True)) == 0


@given(st.text(max_size=60))
def test_no_retry_after_breaks_the_reader(value):
    found = bursts._seconds(value)
    assert found is None or 0 <= found <= 86_400


# --- what is said of it -----------------------------------------------------------------------------------------------

MET = Burst("login", "https://acme.example/login", (401,) * 6, "429")
OPEN = Burst("signup", "https://acme.example/signup", (422, None))
IN = Honest(signed_in=True, seconds=2.0, tries=1)


@pytest.mark.parametrize(
    ("evidence", "status", "words"),
    [
        (BurstEvidence((MET,), IN), Status.PASS, "each meet a limit, and an honest member signs in soon after"),
        (BurstEvidence((MET, OPEN), IN), Status.FAIL, "signup: 2 tries in a row from one address met no limit"),
        (BurstEvidence((OPEN,), Honest()), Status.FAIL, "met no limit"),
        (BurstEvidence((OPEN, MET), Honest()), Status.FAIL, "after the limit an honest member could not sign in"),
        (
            BurstEvidence((MET,), Honest(problem=Unavailable("no account", "one"))),
            Status.UNKNOWN,
            "whether an honest member gets in after the limit was not seen: no account",
        ),
        (BurstEvidence((replace(MET, problem=Unavailable("odd", "more")),), IN), Status.UNKNOWN, "odd"),
    ],
)
def test_a_limit_and_an_honest_member_are_judged_apart(evidence, status, words):
    found = bursts.limited(evidence)
    assert found.status is status
    assert words in found.summary
    assert ("honest member" in found.summary) is ("honest member" in words)
