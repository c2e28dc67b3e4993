"""Runs the probes and checks of a stage on a client, and makes the kit that its failures ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launchready_lib import kit
from launchready_lib.checks.quick_audit import domain, redirects, subdomains
from launchready_lib.checks.reduce_drag import caching
from launchready_lib.checks.secure_edge import bursts, edge, exposure, floods, headers, mail, origin, tls
from launchready_lib.client import Client
from launchready_lib.evidence import Unavailable
from launchready_lib.record.findings import Finding, Status, Verdict
from launchready_lib.redact import Redactor
from launchready_lib.site import signin
from launchready_lib.stage import Stage


@dataclass
class Bench:
    """A stage of one client; `records` is what it published."""

    stage: Stage
    published: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, client: Client, stage_id: str) -> Bench:
        published: list[dict[str, Any]] = []
        redactor = Redactor.from_parameters(client.parameters, client.environment)
        stage = Stage(
            stage_id, client, record=Path("none"), redactor=redactor, publish=lambda b, _: published.append(b)
        )
        return cls(stage, published)

    def judge(self, *verdicts: Verdict) -> dict[str, Status]:
        self.stage.judge(*verdicts)
        return {v.check: v.status for v in verdicts}


UNSEEN = Unavailable("not asked in this test", "nothing")


def files(made: kit.Kit) -> dict[str, str]:
    assert not made.problem, made.problem
    return {each.name: each.text for each in made.files}


def opened(world) -> Client:
    client = Client.open(world.parameters_file)
    client.environment = {**client.environment, **world.environment}
    return client


async def names(client: Client) -> tuple[dict[str, Finding], dict[str, str]]:
    """The failures of stage 1's checks of names, and the kit's files for them."""
    bench = Bench.of(client, "quick_audit")
    zone, found = await domain.survey(client), await subdomains.survey(client)
    bench.judge(domain.resolves(zone), domain.nameservers(zone), subdomains.takeover(found))
    return bench.stage.failures, files(kit.names(bench.stage, zone, UNSEEN, found))


async def moving(client: Client) -> tuple[dict[str, Finding], dict[str, str]]:
    """The failures of stage 1's checks of redirects, and the kit's files for them."""
    bench = Bench.of(client, "quick_audit")
    hops = await redirects.survey(client)
    bench.judge(redirects.https(hops), redirects.canonical(hops))
    return bench.stage.failures, files(kit.names(bench.stage, hops))


async def hosts(client: Client) -> tuple[dict[str, Finding], dict[str, str]]:
    """The failures of stage 3's checks of the edge and of certificates, and the kit's files for them."""
    bench = Bench.of(client, "secure_edge")
    gate, encryption = await edge.survey(client), await tls.survey(client)
    open_hosts = await floods.survey(client, gate)
    bench.judge(edge.proxied(gate), floods.absorbed(open_hosts), tls.issuance(encryption))
    return bench.stage.failures, files(kit.edge(bench.stage, gate, open_hosts, encryption))


async def protocols(client: Client) -> tuple[dict[str, Finding], dict[str, str]]:
    """The failures of the check of TLS versions, and the kit's files for them."""
    bench = Bench.of(client, "secure_edge")
    encryption = await tls.survey(client)
    bench.judge(tls.protocols(encryption))
    return bench.stage.failures, files(kit.edge(bench.stage, encryption))


async def mailing(client: Client) -> tuple[dict[str, Finding], dict[str, str]]:
    """The failures of stage 3's checks of mail, and the kit's files for them."""
    bench = Bench.of(client, "secure_edge")
    records, ways = await mail.survey(client), await mail.transport(client)
    bench.judge(mail.spf(records), mail.dkim(records), mail.dmarc(records), mail.in_transit(ways))
    return bench.stage.failures, files(kit.edge(bench.stage, records, ways))


async def answering(client: Client) -> tuple[dict[str, Finding], dict[str, str]]:
    """The failures of stage 3's checks of headers and cookies, and the kit's files for them."""
    bench = Bench.of(client, "secure_edge")
    member = await signin.sign_in(client)
    answers = await headers.survey(client, member)
    bench.judge(headers.csp(answers), headers.cors(answers), headers.cookies(member, answers), headers.hsts(answers))
    bench.judge(headers.framing(answers), headers.sniffing(answers), headers.referrer(answers))
    bench.judge(headers.isolation(answers), headers.disclosure(answers))
    return bench.stage.failures, files(kit.edge(bench.stage, UNSEEN, member, answers))


async def exposing(client: Client) -> tuple[dict[str, Finding], dict[str, str]]:
    """The failures of the check of private files on the main host, and the kit's files for them."""
    bench = Bench.of(client, "secure_edge")
    client.parameters.site.subdomains.clear()
    found = await exposure.survey(client)
    bench.judge(exposure.files(found))
    return bench.stage.failures, files(kit.edge(bench.stage, found))


async def hiding(client: Client) -> tuple[dict[str, Finding], dict[str, str]]:
    """The failures of the check of the server behind the edge, and the kit's files for them."""
    bench = Bench.of(client, "secure_edge")
    behind = await origin.survey(client, await edge.survey(client))
    bench.judge(origin.hidden(behind))
    return bench.stage.failures, files(kit.edge(bench.stage, behind))


async def hammering(client: Client) -> tuple[dict[str, Finding], dict[str, str]]:
    """The failures of the check of limits, and the kit's files for them."""
    bench = Bench.of(client, "secure_edge")
    burst = await bursts.survey(client)
    bench.judge(bursts.limited(burst))
    return bench.stage.failures, files(kit.edge(bench.stage, burst))


async def speeding(client: Client) -> tuple[dict[str, Finding], dict[str, str]]:
    """The failures of stage 4's check of static files, and the kit's files for them."""
    bench = Bench.of(client, "reduce_drag")
    found = await caching.survey(client)
    bench.judge(caching.static(found))
    return bench.stage.failures, files(kit.speed(bench.stage, found))
