"""The faults of Harbor Club: one for each check that measures, named after it.

A fault is looked up with `switchboard.on("mail.spf")` where the part that shows it answers. Infrastructure (DNS,
certificates, registration, mail, parameters) is in `launchready_lib.demo`; everything that a browser or a checkout sees
is in `launchready_lib.demo.web`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launchready_lib.record.findings import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

FAIL, UNKNOWN = Status.FAIL, Status.UNKNOWN


@dataclass(frozen=True)
class Fault:
    """Something wrong with Harbor Club that can be switched on and off while it runs.

    Attributes:
        check: the roadmap id of the check that must turn red, which is the fault's name as well.
        text: what is wrong, in a founder's words.
        also: other checks that this fault cannot help touching, and their answer; anything more is a defect.
    """

    check: str
    text: str
    also: Mapping[str, Status] = field(default_factory=dict)


_INFRASTRUCTURE = (
    Fault("hosting.independent", "app.harborclub.example leads through a tunnel to somebody's laptop"),
    Fault("domain.resolves", "the second nameserver does not know www.harborclub.example"),
    Fault("domain.nameservers", "the second nameserver serves an older copy of the zone"),
    Fault("domain.dnssec", "the zone's signatures end tomorrow and nothing renews them"),
    Fault("subdomains.takeover", "blog.harborclub.example points to a hosting name that anybody may claim"),
    Fault(
        "edge.proxied",
        "api.harborclub.example leads past the edge, straight to the origin",
        {"edge.origin_hidden": FAIL, "edge.ddos": FAIL},
    ),
    Fault("edge.ddos", "the site before this one still runs at old.harborclub.example, with nothing before it"),
    Fault("tls.certificate", "the certificates of api.harborclub.example and of the mail host expired yesterday"),
    Fault("tls.protocols", "the edge still speaks TLS 1.0 and 1.1"),
    Fault("tls.issuance", "the CAA record allows an authority that is no longer used, and not the one that is"),
    Fault("mail.spf", "two SPF records are published, so receivers use neither"),
    Fault("mail.dkim", "the DKIM key of selector s1 was cut off when it was pasted"),
    Fault("mail.dmarc", "the DMARC record stands under a doubled name, where nobody looks"),
    Fault("mail.delivered", "the app sends its mail by itself: unsigned, and from an address that no record lists"),
    Fault(
        "mail.transport", "the second MX record names a host that has no address, and that the policy does not allow"
    ),
    Fault("handover.dns", "the domain expires in ten days and is not locked against transfer"),
    Fault("handover.access", "only one person reaches the database, without two-factor login"),
)

_WEB = (
    Fault("hosting.provider", "nothing in the answers says who runs the servers behind the edge"),
    Fault(
        "hosting.production",
        "an unknown address shows the framework's debug page with a stack trace",
        {"hosting.failure_modes": FAIL},
    ),
    Fault("hosting.failure_modes", "a malformed request is answered with 500 and the inside of the app"),
    Fault("redirects.https", "app.harborclub.example answers over plain HTTP without redirecting"),
    Fault("redirects.canonical", "www serves the site itself instead of leading to the canonical address"),
    Fault("subdomains.mapped", "api.harborclub.example answers with the home page instead of the API"),
    Fault("edge.rate_limit", "anybody may try logins, signups and resets as often as they like"),
    Fault("edge.origin_hidden", "the origin gives the site to anybody who knows its address"),
    Fault("latency.quick", "the dashboard's data takes over half a second", {"latency.p95": FAIL}),
    Fault("queries.slow", "a dashboard query takes 400 ms in the query log"),
    Fault("pages.interactive", "the home page is busy with a script for seconds"),
    Fault("pages.mixed_content", "the home page names a picture over plain HTTP"),
    Fault("environment.missing", "production does not define a variable that the code requires"),
    Fault("environment.separated", "staging and production share a live payment key"),
    Fault("secrets.tree", "a live payment key stands in a tracked file", {"secrets.history": FAIL}),
    Fault("secrets.history", "a live payment key stood in a script that was deleted since"),
    Fault("secrets.chat", "somebody pasted a live payment key into the chat"),
    Fault("rollback.path", "no earlier release and no written way back", {"rollback.drill": UNKNOWN}),
    Fault("headers.hsts", "no Strict-Transport-Security"),
    Fault("headers.csp", "the Content-Security-Policy allows inline scripts"),
    Fault("headers.framing", "any site may put the pages in a frame"),
    Fault("headers.sniffing", "no X-Content-Type-Options"),
    Fault("headers.referrer", "the Referrer-Policy sends member addresses to other sites"),
    Fault("headers.cors", "the API lets any site read members' data with their cookies"),
    Fault("headers.integrity", "a script from another site comes without an integrity hash"),
    Fault("headers.isolation", "no Cross-Origin-Opener-Policy, and a Permissions-Policy that no browser can read"),
    Fault(
        "headers.cookies",
        "the session cookie may be read by scripts and sent from other sites, and caches may keep members' pages",
    ),
    Fault("headers.disclosure", "answers name the server software and its version"),
    Fault("exposure.files", "the file .env is served to anybody"),
    Fault("exposure.bundles", "a source map shows a live payment key to anybody"),
    Fault("latency.p95", "one dashboard read in eight takes almost a second"),
    Fault("caching.static", "fingerprinted files are served as not cacheable and uncompressed"),
    Fault("uptime.now", "the webhook endpoint breaks when the monitor looks at it"),
    Fault("logs.request_ids", "log lines carry no request id"),
    Fault("flows.login", "a wrong password is told apart from an unknown address"),
    Fault(
        "webhooks.accepted",
        "a correctly signed event is answered 200 but the member stays as before",
        {"webhooks.repeated": UNKNOWN},
    ),
    Fault("webhooks.forged", "unsigned events are accepted"),
    Fault("webhooks.repeated", "an event that comes again is counted again"),
    Fault("sessions.logout", "the old session still works after logout"),
)

_CHECKOUT = (
    Fault("build.clean", "the build needs a file that lies on one laptop only"),
    Fault("build.locked", "a library was added without locking its version"),
    Fault("environment.validated", "the app starts without the token for its mail"),
    Fault("deploy.repeatable", "a payment key is copied by hand before each deploy"),
    Fault("deploy.release", "production still serves the release before", {"rollback.drill": UNKNOWN}),
    Fault("rollback.drill", "the rollback command fails: the host has forgotten its login"),
    Fault("overbuild.regions", "the servers stand in three parts of the world"),
    Fault("overbuild.caching", "a home-made cache is read, filled and forgotten all over the code"),
    Fault("overbuild.services", "the app is cut into seven services"),
    Fault("overbuild.observability", "Prometheus, Grafana, Loki and Tempo are run by the team itself"),
    Fault("overbuild.queues", "members are announced over Kafka"),
    Fault("overbuild.schema", "the dashboard joins ten tables"),
)

FAULTS: dict[str, Fault] = {fault.check: fault for fault in (*_INFRASTRUCTURE, *_WEB, *_CHECKOUT)}

LAUNCH: frozenset[str] = frozenset()
PROTOTYPE: frozenset[str] = frozenset(
    {
        "hosting.production",
        "domain.nameservers",
        "redirects.canonical",
        "subdomains.takeover",
        "queries.slow",
        "environment.missing",
        "environment.separated",
        "secrets.tree",
        "secrets.history",
        "secrets.chat",
        "rollback.path",
        "build.locked",
        "environment.validated",
        "deploy.repeatable",
        "overbuild.observability",
        "overbuild.queues",
        "edge.proxied",
        "tls.certificate",
        "headers.hsts",
        "headers.csp",
        "headers.cookies",
        "exposure.files",
        "mail.spf",
        "mail.dmarc",
        "caching.static",
        "logs.request_ids",
        "webhooks.forged",
        "sessions.logout",
        "handover.dns",
        "handover.access",
    }
)
"""What was wrong before the launch; no fault here hides another."""

RELEASES: Mapping[str, frozenset[str]] = {"prototype": PROTOTYPE, "launch": LAUNCH}
