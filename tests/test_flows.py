"""A login is judged by repeated tries; what we could not see is neither a success nor the members' fault."""

import dataclasses

import pytest

from launchready_lib.checks.validate_usage import flows
from launchready_lib.checks.validate_usage.flows import LoginTrial
from launchready_lib.evidence import Unavailable
from launchready_lib.record.findings import Status
from launchready_lib.site.signin import Attempt
from tests.login_site import LoginSite, login_site
from tests.web_servers import Reply, client

pytestmark = pytest.mark.anyio

IN = Attempt("in", 0.2, 303, "Welcome")
REFUSED = Attempt("refused", 0.2, 401, "E-mail or password is not right")


def trial(*valid, wrong=REFUSED, nobody=REFUSED):
    return LoginTrial(valid or (IN,) * 10, wrong, nobody)


def test_ten_good_logins_and_two_discreet_refusals_pass():
    verdict = flows.login(trial())
    assert (verdict.status, verdict.measured) == (Status.PASS, 1.0)
    assert len(verdict.evidence) >= 12


@pytest.mark.parametrize("bad", [REFUSED, Attempt("error", 0.1, 500, "Sorry"), Attempt("error", 10.0, None, "")])
def test_one_of_ten_that_fails_is_too_many(bad):
    verdict = flows.login(trial(*[IN] * 9, bad))
    assert (verdict.status, verdict.measured) == (Status.FAIL, 0.9)


MISSING = Unavailable("acme.example did not answer", "the site answering")


@pytest.mark.parametrize(
    ("hidden", "needs"),
    [
        (Attempt("limited", 0.1, 429, ""), "network.headers"),
        (Attempt("unclear", 0.1, 200, ""), "flows.login"),
        (Attempt("unclear", 0.0, None, "", missing=MISSING), "the site answering"),
    ],
    ids=["limited", "unclear", "unseen"],
)
def test_what_was_not_seen_is_unknown_whatever_else_went_well(hidden, needs):
    verdict = flows.login(trial(*[IN] * 9, hidden))
    assert verdict.status is Status.UNKNOWN
    assert needs in verdict.needs
    assert hidden.outcome != "limited" or "limited our logins (429)" in verdict.reason


@pytest.mark.parametrize("which", ["wrong", "nobody"])
@pytest.mark.parametrize(
    ("missing", "needs"), [(MISSING, "the site answering"), (None, "a login page that answers a wrong password")]
)
def test_a_wrong_login_that_was_not_plainly_refused_is_unknown(which, missing, needs):
    verdict = flows.login(trial(**{which: Attempt("unclear", 0.1, 200, "", missing=missing)}))
    assert verdict.status is Status.UNKNOWN
    assert needs in verdict.needs


def test_a_rate_of_exactly_the_target_is_enough():
    assert flows.login(trial(*[IN] * 99, REFUSED)).status is Status.PASS
    assert flows.login(trial(*[IN] * 98, REFUSED)).status is Status.FAIL


LONG = " ".join(str(n) for n in range(20))


@pytest.mark.parametrize(
    ("wrong", "nobody", "shown"),
    [
        ("Sorry that is not it", "Sorry who are you", ("Sorry that is not it", "Sorry who are you")),
        (
            "Try it again now please",
            "Try it again now please Join us",
            ("again now please", "again now please Join us"),
        ),
        (
            f"a b c d e {LONG}",
            f"a b c d f {LONG}",
            ("b c d e 0 1 2 3 4 5 6 7 8 9 10", "b c d f 0 1 2 3 4 5 6 7 8 9 10"),
        ),
    ],
    ids=["soon", "longer", "late"],
)
def test_the_words_that_tell_are_quoted_with_the_three_before(wrong, nobody, shown):
    said = [dataclasses.replace(REFUSED, said=words) for words in (wrong, nobody)]
    verdict = flows.login(trial(wrong=said[0], nobody=said[1]))
    assert tuple(verdict.evidence[0].values()) == tuple(f"401: {words}" for words in shown)
    assert verdict.effort_hours == 1


@pytest.mark.parametrize(
    "nobody",
    [dataclasses.replace(REFUSED, status=404), dataclasses.replace(REFUSED, said="There is no such member")],
    ids=["by status", "by words"],
)
def test_a_wrong_password_told_apart_from_an_unknown_address_fails(nobody):
    verdict = flows.login(trial(nobody=nobody))
    assert verdict.status is Status.FAIL
    assert "told apart" in verdict.summary


def test_a_wrong_password_that_signs_in_is_the_worst():
    verdict = flows.login(trial(wrong=IN))
    assert verdict.status is Status.FAIL
    assert "anybody can sign in" in verdict.impact


# --- against a real site ----------------------------------------------------------------------------------------------


async def judged(folder, site=None, **sections):
    async with login_site(folder, site, **sections) as (acme, running):
        return flows.login(await flows.login_trial(acme)), running


async def test_a_sound_login_passes_and_the_tries_are_counted(tmp_path):
    verdict, site = await judged(tmp_path)
    assert verdict.status is Status.PASS, verdict.summary
    assert sum(asked.method == "POST" for asked in site.asked) == flows.TRIES + 2


async def test_an_echoed_address_is_no_difference_and_telling_words_are(tmp_path):
    verdict, _ = await judged(tmp_path, LoginSite(tells=True))
    assert verdict.status is Status.FAIL
    assert verdict.evidence[0]["unknown_address"].startswith("401: ")
    assert "No such member" in verdict.evidence[0]["unknown_address"]


async def test_a_site_that_limits_us_is_left_alone_at_once(tmp_path):
    limited = LoginSite(overrides={"/login": lambda _: Reply("slow down", 429)})
    verdict, site = await judged(tmp_path, limited)
    assert verdict.status is Status.UNKNOWN
    assert len(site.asked) <= 3


async def test_a_login_that_works_now_and_then_fails(tmp_path):
    site = LoginSite()

    def every_third(asked):
        if asked.method == "POST" and len(site.asked) % 3 == 0:
            return Reply("<h1>Sorry", 500)
        return site._login(asked) if asked.method == "POST" else Reply(site.login_page)

    site.overrides["/login"] = every_third
    verdict, _ = await judged(tmp_path, site)
    assert verdict.status is Status.FAIL


async def test_a_site_that_is_down_is_no_failed_login():
    accounts = {"member": {"email": "m@acme.example", "password": "${P}"}}
    allow = {"granted_by": "x", "granted_on": "2026-01-01", "hosts": ["acme.example"], "allow": ["flows"]}
    by = {"acme.example:443": "127.0.0.1:1"}
    async with client(authorization=allow, accounts=accounts, network={"connect_to": by}) as acme:
        acme.environment = {"P": "x"}
        verdict = flows.login(await flows.login_trial(acme))
    assert verdict.status is Status.UNKNOWN
    assert "did not answer" in verdict.reason


@pytest.mark.parametrize(
    ("sections", "needs"),
    [({}, "[flows]"), ({"accounts": {}}, "accounts.member")],
    ids=["not allowed", "no account"],
)
async def test_what_is_missing_is_named(sections, needs):
    allow = {"granted_by": "x", "granted_on": "2026-01-01", "hosts": ["acme.example"], "allow": ["flows"]}
    async with client(**(sections and {"authorization": allow, **sections})) as acme:
        found = await flows.login_trial(acme)
    assert needs in found.needs


@pytest.mark.world
@pytest.mark.parametrize("fault", [False, True], ids=["healthy", "fault"])
async def test_harbor_clubs_login_is_judged_rightly(world, harbor, fault):
    world.switch("flows.login", fault)
    verdict = flows.login(await flows.login_trial(harbor))
    assert verdict.status is (Status.FAIL if fault else Status.PASS), verdict.summary
