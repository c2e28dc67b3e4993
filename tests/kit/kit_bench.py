"""Runs the probes and checks of a stage on a client, and makes the kit that its failures ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launchready_lib import kit
from launchready_lib.checks import domain, edge, mail, subdomains, tls
from launchready_lib.client import Client
from launchready_lib.findings import Finding, Status, Unavailable, Verdict
from launchready_lib.redact import Redactor
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


async def names(world) -> tuple[dict[str, Finding], dict[str, str]]:
    """The failures of stage 1's checks of names, and the kit's files for them."""
    async with opened(world) as client:
        bench = Bench.of(client, "quick_audit")
        zone, names_ = await domain.survey(client), await subdomains.survey(client)
        bench.judge(domain.resolves(zone), domain.nameservers(zone), subdomains.takeover(names_))
        return bench.stage.failures, files(kit.names(bench.stage, zone=zone, subdomains=names_))


async def hosts(world) -> tuple[dict[str, Finding], dict[str, str]]:
    """The failures of stage 3's checks of the edge and of certificates, and the kit's files for them."""
    async with opened(world) as client:
        bench = Bench.of(client, "secure_edge")
        gate, encryption = await edge.survey(client), await tls.survey(client)
        bench.judge(edge.proxied(gate), tls.issuance(encryption))
        return bench.stage.failures, files(kit.edge(bench.stage, gate=gate, tls=encryption, mail=UNSEEN))


async def mailing(world) -> tuple[dict[str, Finding], dict[str, str]]:
    """The failures of stage 3's checks of mail, and the kit's files for them."""
    async with opened(world) as client:
        bench = Bench.of(client, "secure_edge")
        records = await mail.survey(client)
        bench.judge(mail.spf(records), mail.dkim(records), mail.dmarc(records))
        return bench.stage.failures, files(kit.edge(bench.stage, gate=UNSEEN, tls=UNSEEN, mail=records))
