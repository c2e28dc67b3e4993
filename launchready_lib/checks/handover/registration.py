"""What the registry publishes about the client's domain, over RDAP (RFC 9082, RFC 9083)."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

import yaml

from launchready_lib.client import Client
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names.hosts import registered_domain
from launchready_lib.network import Answer, Purpose, Response, normal
from launchready_lib.paths import PACKAGE
from launchready_lib.site.web import NETWORK_DOWN

HOLDS = ("client hold", "server hold", "redemption period", "pending delete")
LOCKS = ("client transfer prohibited", "server transfer prohibited")
_MOST_TEXT = 300


@dataclass(frozen=True)
class Registered:
    """A domain object, as far as it matters here."""

    domain: str  # the registrable name that was asked for
    source: str  # the address that answered
    registrar: str | None  # its name; None where the registry does not say
    statuses: tuple[str, ...]  # lower case, words apart ("client transfer prohibited")
    expires: dt.datetime | None  # when the registration ends; None where the registry publishes no date
    nameservers: tuple[str, ...]  # as the registry has them
    signed: bool | None  # the registry holds a DS record; None where it does not say

    @property
    def locks(self) -> tuple[str, ...]:
        """The statuses that forbid a transfer."""
        return tuple(status for status in self.statuses if status in LOCKS)

    @property
    def holds(self) -> tuple[str, ...]:
        """The statuses that take the domain off the net, or are about to."""
        return tuple(status for status in self.statuses if status in HOLDS)


@dataclass(frozen=True)
class RegistrationEvidence(Evidence):
    """What the registry and the domain's own NS records say.

    Attributes:
        domain: the registrable name.
        registered: the registry's data; Unavailable where it could not be had.
        ns: the NS records as the resolver has them.
        ds: the DS records as the resolver has them; None where they were not asked for.
    """

    domain: str
    registered: Registered | Unavailable
    ns: Answer
    asked_at: dt.datetime
    ds: Answer | None = None

    def rows(self) -> list[Row]:
        """The facts, one a row."""
        found, unsaid = self.registered, "not published"
        if isinstance(found, Unavailable):
            facts = {"registration data": found.reason}
        else:
            days = (found.expires - self.asked_at).days if found.expires else None
            facts = {
                "registration data from": found.source,
                "registrar": found.registrar or unsaid,
                "status": ", ".join(found.statuses) or "none",
                "expires": f"{found.expires:%Y-%m-%d} (in {days} days)" if found.expires else unsaid,
                "nameservers at the registry": ", ".join(found.nameservers) or unsaid,
                "DNSSEC at the registry": {True: "signed", False: "not signed", None: unsaid}[found.signed],
            }
        facts["nameservers in DNS"] = ", ".join(sorted(self.ns.records)) or self.ns.state
        if self.ds is not None:
            signed = {"NOERROR": "a DS record", "NODATA": "no DS record"}
            facts["DNSSEC in DNS"] = signed.get(self.ds.state, self.ds.state)
        return [{"fact": fact, "value": value} for fact, value in facts.items()]


@cache
def _services() -> dict[str, str]:
    loaded = yaml.safe_load((PACKAGE / "data" / "rdap_bootstrap.yaml").read_text("utf-8"))
    return {suffix: url for url, suffixes in loaded["services"].items() for suffix in suffixes}


def service_for(domain: str) -> str | None:
    """The RDAP service of a domain's registry, from the dated copy of IANA's bootstrap; None where it lists none."""
    return _services().get(normal(domain).rpartition(".")[2])


@probe
async def survey(client: Client) -> RegistrationEvidence | Unavailable:
    """Ask the registry for the client's domain, and the resolver for its NS and DS records."""
    network, p = client.network, client.parameters
    if not await network.control():
        return NETWORK_DOWN
    domain = registered_domain(p.domain)
    registered, ns, ds = await asyncio.gather(
        _registered(client, domain), network.ask(domain, "NS", cd=True), network.ask(domain, "DS", cd=True)
    )
    return RegistrationEvidence(domain, registered, ns, dt.datetime.now(dt.UTC), ds)


async def _registered(client: Client, domain: str) -> Registered | Unavailable:
    if (base := client.parameters.network.rdap_url or service_for(domain)) is None:
        suffix = domain.rpartition(".")[2]
        return Unavailable(f"no registration data service is known for .{suffix}", "network.rdap_url")
    url = f"{base.rstrip('/')}/domain/{quote(domain)}"
    accepts = {"accept": "application/rdap+json, application/json"}
    reply = await client.network.request(
        "GET", url, headers=accepts, verify=True, follow=3, purpose=Purpose.REGISTRATION
    )
    return read(domain, reply)


def read(domain: str, reply: Response) -> Registered | Unavailable:
    """Read a registry's answer; never raises for what is in it."""
    if not reply.ok:
        reason = f"the registry's data service did not answer: {reply.error}"
        return Unavailable(reason, "a second run, or network.rdap_url")
    if reply.status == 404:
        return Unavailable(f"the registry does not know {domain} (404)", "client.domain, or network.rdap_url")
    if reply.status != 200:
        return Unavailable(f"the registry's data service answered {reply.status}", "a later run")
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        return Unavailable("the registry's answer is not JSON", "network.rdap_url")
    if not isinstance(body, dict) or body.get("objectClassName") not in (None, "domain"):
        return Unavailable("the registry's answer is not about a domain", "network.rdap_url")
    named = _text(body.get("ldhName"))
    if named and normal(named) != domain:
        return Unavailable(f"the registry's answer is about another domain than {domain}", "network.rdap_url")
    signed = _get(body.get("secureDNS"), "delegationSigned")
    return Registered(
        domain=domain,
        source=reply.url,
        registrar=_registrar(_items(body.get("entities"))),
        statuses=tuple(dict.fromkeys(_spaced(s) for s in _items(body.get("status")) if isinstance(s, str))),
        expires=_expiry(_items(body.get("events"))),
        nameservers=tuple(
            sorted(normal(name) for ns in _items(body.get("nameservers")) if (name := _text(_get(ns, "ldhName"))))
        ),
        signed=signed if isinstance(signed, bool) else None,
    )


def _items(value: Any) -> list[Any]:
    return value[:100] if isinstance(value, list) else []


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None


def _text(value: Any) -> str | None:
    return value[:_MOST_TEXT] if isinstance(value, str) and value.strip() else None


def _spaced(status: str) -> str:
    """EPP's spelling as RDAP's: "clientTransferProhibited" as "client transfer prohibited" (RFC 8056)."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", status[:_MOST_TEXT]).lower().strip()


def _registrar(entities: Iterable[Any]) -> str | None:
    for entity in entities:
        if "registrar" in _items(_get(entity, "roles")):
            card = _get(entity, "vcardArray")
            fields = _items(card[1]) if isinstance(card, list) and len(card) > 1 else []
            names = (_text(f[3]) for f in fields if isinstance(f, list) and len(f) > 3 and f[0] == "fn")
            return next(filter(None, names), None) or _text(_get(entity, "handle"))
    return None


def _expiry(events: Iterable[Any]) -> dt.datetime | None:
    for event in events:
        if _get(event, "eventAction") != "expiration":
            continue
        try:
            found = dt.datetime.fromisoformat(str(_get(event, "eventDate")))
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
    return None
