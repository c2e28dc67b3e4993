"""The deployment map, from evidence made by hand and from the embedded client."""

import itertools

import pytest
from audited import client_for

from launchready_lib.checks.quick_audit import environment, hosting, pages, queries
from launchready_lib.checks.quick_audit.environment import EnvironmentEvidence
from launchready_lib.checks.quick_audit.hosting import HostingEvidence, HostTrace
from launchready_lib.checks.quick_audit.pages import CorePages
from launchready_lib.checks.quick_audit.queries import QueryEvidence
from launchready_lib.evidence import Unavailable
from launchready_lib.network import Answer, Response
from launchready_lib.report import deployment
from launchready_lib.site import signin
from launchready_lib.site.visits import Load, Visit
from launchready_lib.sources.variables import Need, Read

pytestmark = pytest.mark.anyio
NOTHING = Unavailable("not given", "something")
FLY, EDGE = ("fly-request-id", "01H"), ("cf-ray", "8a-FRA")


def trace(host, *headers, address="203.0.113.10", to=None, chain=()):
    state = "NOERROR" if address else "NXDOMAIN"
    found = Answer(host, "A", "127.0.0.1:53", state, records=(address,) if address else (), chain=chain)
    more = (("location", to),) if to else ()
    reply = Response("GET", f"https://{host}/", "ok", status=301 if to else 200, headers=(*headers, *more))
    return HostTrace(host, (found,), (), None, reply)


async def way(hosts=(), settings=NOTHING, statements=NOTHING, visits=NOTHING, **parameters):
    async with client_for("127.0.0.1:1", {}, **parameters) as client:
        evidence = HostingEvidence(tuple(hosts), (), None) if hosts else NOTHING
        return deployment.route(client, evidence, settings, statements, visits)


def shown(found, kind):
    return [(s.label, s.detail, s.state) for s in found.stations if s.kind == kind]


def leads(found, *labels):
    named = {station.id: station.label for station in found.stations}
    pairs = {(named[a], named[b]) for a, b in found.ways}
    return all(pair in pairs for pair in itertools.pairwise(labels))


async def test_a_request_is_followed_through_the_edge_to_the_database():
    settings = EnvironmentEvidence({"STRIPE_KEY": (Read("STRIPE_KEY", "app/pay.py", 3, Need.DEMANDED),)}, code_files=4)
    found = await way([trace("acme.example", FLY, EDGE)], settings, hosting={"database": "postgres"})
    assert leads(
        found, "A member's browser", "acme.example", "203.0.113.10", "Cloudflare", "Fly.io", "Python app", "postgres"
    )
    assert shown(found, "edge") == [("Cloudflare", "by its header", "ok")]
    assert shown(found, "database") == [("postgres", "as you say", "ok")]
    assert found.unseen == ("third_party",)
    assert found.status == "partial"


async def test_a_host_past_the_edge_leads_straight_to_the_servers():
    found = await way([trace("acme.example", FLY, EDGE), trace("api.acme.example", FLY, address="203.0.113.11")])
    assert leads(found, "api.acme.example", "203.0.113.11", "Fly.io")
    assert not leads(found, "203.0.113.11", "Cloudflare")


async def test_a_redirect_that_the_edge_answers_ends_at_the_edge():
    hosts = [
        trace("acme.example", FLY, EDGE),
        trace("www.acme.example", EDGE, to="https://acme.example/", address="203.0.113.9"),
    ]
    found = await way(hosts)
    assert leads(found, "www.acme.example", "203.0.113.9", "Cloudflare")
    assert shown(found, "host") == [("Fly.io", "by its header", "ok")]


async def test_a_tunnel_and_a_name_that_leads_nowhere_are_at_fault():
    tunnel = trace("acme.example", chain=("quiet-harbor.ngrok.io",))
    found = await way([tunnel, trace("app.acme.example", address=None)])
    assert [state for *_, state in shown(found, "host")] == ["fault"]
    assert shown(found, "name")[1] == ("app.acme.example", "", "fault")


async def test_nothing_seen_is_unknown_and_says_what_would_help():
    found = await way()
    assert found.status == "unknown"
    assert found.unseen == ("app", "database", "name", "address", "host", "third_party")
    assert "hosting.origins" in found.reason
    assert {node["state"] for node in found.data["nodes"] if node["kind"] != "member"} == {"unknown"}


@pytest.mark.parametrize(
    ("settings", "statements", "label", "detail"),
    [
        (EnvironmentEvidence({}, frozenset({"DATABASE_URL", "PORT"})), NOTHING, "A database", "by DATABASE_URL"),
        (EnvironmentEvidence({}, frozenset({"READ_DB_HOSTNAME"})), NOTHING, "not known", ""),
        (NOTHING, QueryEvidence("query.log", 3), "A database", "by its query log"),
    ],
)
async def test_a_database_is_told_by_what_gives_it_away(settings, statements, label, detail):
    found = await way([trace("acme.example", FLY)], settings, statements)
    assert [(each[0], each[1]) for each in shown(found, "database")] == [(label, detail)]


async def test_other_services_are_the_hosts_that_pages_load_from():
    loads = tuple(
        Load(url, "script", 0.0)
        for url in (
            "https://acme.example/a.js",
            "https://cdn.acme.example/b.js",
            "https://js.stripe.com/v3",
            "data:text/css,a",
            "http://[bad",
        )
    )
    found = await way(visits=CorePages((Visit("home", "https://acme.example/", loads=loads),), {}, 1.0))
    assert shown(found, "third_party") == [("js.stripe.com", "on home", "ok")]


@pytest.mark.world
@pytest.mark.browser
async def test_the_way_through_the_embedded_client_is_known_from_end_to_end(harbor):
    member = await signin.sign_in(harbor)
    found = deployment.route(
        harbor,
        await hosting.survey(harbor),
        await environment.survey(harbor),
        await queries.survey(harbor),
        await pages.survey(harbor, member),
    )
    assert (found.status, found.reason) == ("made", None)
    assert leads(found, "harborclub.example", "203.0.113.130", "Cloudflare", "Fly.io", "Python app", "sqlite")
