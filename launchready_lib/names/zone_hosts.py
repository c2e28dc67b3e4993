"""The names of the client's zone file that may serve the web: which may be looked at, and which are left alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launchready_lib.names import providers
from launchready_lib.names.hosts import main_hosts, public_hosts, under
from launchready_lib.names.published import zone_of
from launchready_lib.names.zonefile import ZoneFile, ZoneRecord
from launchready_lib.network import normal
from launchready_lib.record.findings import Verdict, unknown
from launchready_lib.wording import counted, listed

if TYPE_CHECKING:
    from launchready_lib.client import Client

MOST_HOSTS = 40
MOST_QUESTIONS = 200
_THEIR_SOFTWARE = frozenset(
    {"shopify", "ghost", "webflow", "squarespace", "wix", "wordpress", "tumblr", "readme", "helpjuice", "helpscout",
     "intercom", "zendesk", "statuspage", "unbounce"}
)  # fmt: skip
"""Providers whose own program answers, so that a customer changes pages and no server."""
SERVICES = ("smtp", "imap", "pop", "mx", "ftp", "ssh")
"""Usual names of services that a web edge breaks."""
_SERVICE = re.compile(
    r"(?:smtps?|imaps?|pop3?s?|mx|ns|dns|s?ftps?|ssh|vpn|ldap|autodiscover|autoconfig|lyncdiscover|sip|msoid"
    r"|enterpriseregistration|enterpriseenrollment)\d*"
)
# Where senders of mail have their customers' names for bounces and counted clicks lead: no page of the client's.
_SENDERS = (
    "sendgrid.net", "mailgun.org", "amazonses.com", "awstrack.me", "mandrillapp.com", "mcsv.net", "mtasv.net",
    "sparkpostmail.com", "mailjet.com", "mailersend.net", "mlsend.com", "smtp2go.com", "smtp2go.net",
    "customeriomail.com", "hubspotemail.net", "klaviyomail.com", "brevosend.com", "sendinblue.com", "elasticemail.com",
    "mailtrap.live", "rsgsv.net", "exacttarget.com", "createsend.com", "activehosted.com", "intercom-mail.com",
)  # fmt: skip
_WEB_TYPES = ("A", "AAAA", "CNAME")
_POINTING = ("MX", "NS", "SRV")


@dataclass(frozen=True)
class ZoneHost:
    """One name of the zone file with an address or an alias.

    Attributes:
        name: the name.
        proxied: what the file notes of the DNS host's own proxy; None where it does not say.
        target: the name outside the client's domain that it is an alias of, where others answer there with a program
            of theirs; None for an app of the client's on a rented host.
        service: why it is no web host, such as "named by an MX record"; empty where it may be one.
    """

    name: str
    proxied: bool | None = None
    target: str | None = None
    service: str = ""


@dataclass(frozen=True)
class ZoneHosts:
    """The names of a zone file beside those that the parameters declare.

    Attributes:
        web: may serve the web, and the authorization names them.
        services: others with an address of the client's own: mail exchangers, nameservers and the like.
        outside: may serve the client's own web pages, but the authorization does not name them; never contacted.
        cut: how many more there are than `MOST_HOSTS`.
        theirs: names whose servers others run, with nothing of the client's before them.
    """

    web: tuple[ZoneHost, ...] = ()
    services: tuple[ZoneHost, ...] = ()
    outside: tuple[str, ...] = ()
    cut: int = 0
    theirs: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that may be looked at."""
        return tuple(host.name for host in self.web)

    @property
    def own(self) -> tuple[str, ...]:
        """Those that the client serves, or has its edge before: what they send is the client's to change."""
        return tuple(host.name for host in self.web if host.target is None or host.proxied)

    def target_of(self, name: str) -> str | None:
        """The name outside the client's domain that a name of the file is an alias of."""
        return next((host.target for host in self.web if host.name == name), None)

    def unseen(self) -> list[Verdict]:
        """A clause for the names that were not looked at; none where all were."""
        if not self.cut:
            return self.left_alone()
        reason = f"{counted(self.cut, 'more name')} of the zone file {'was' if self.cut == 1 else 'were'} not read"
        return [*self.left_alone(), unknown(reason, needs="a zone file with the names in use")]

    def left_alone(self) -> list[Verdict]:
        """A clause for the names that the authorization does not name; none where it names all."""
        if not self.outside:
            return []
        reason = f"not looked at, though the zone file has {'it' if len(self.outside) == 1 else 'them'}: "
        rows = [{"name": name, "looked_at": "no: authorization.hosts does not name it"} for name in self.outside]
        needs = f"authorization.hosts: [{', '.join(self.outside[:6])}]"
        return [unknown(reason + listed(self.outside), needs=needs, evidence=rows)]


NO_ZONE_HOSTS = ZoneHosts()
"""Where no zone file is given."""


def zone_hosts(client: Client) -> ZoneHosts:
    """Sort the names of `hosting.zone_file`; nothing is asked of anybody. Empty where no zone file is given."""
    zone = zone_of(client)
    if not isinstance(zone, ZoneFile):
        return NO_ZONE_HOSTS
    declared = set(public_hosts(client.parameters))
    found = [host for host in _hosts(zone, normal(client.parameters.domain)) if host.name not in declared]
    web = [host for host in found if not host.service]
    mine = [host for host in web if client.network.scope.names(host.name)]
    # Where others run the server and the founder did not name it, it is theirs to look at.
    outside = [host.name for host in web if host not in mine and host.target is None]
    return ZoneHosts(
        tuple(mine[:MOST_HOSTS]),
        tuple(host for host in found if host.service and (host.target is None or host.proxied)),
        tuple(outside) if client.network.scope.hosts is not None else (),
        max(0, len(mine) - MOST_HOSTS),
        tuple(host.name for host in found if host.target is not None and not host.proxied),
    )


def looked_up(client: Client) -> tuple[tuple[tuple[str, str], ...], int]:
    """(name, type) of every address and alias of the zone file, to ask the nameservers for; and how many were cut.

    Aliases are asked for as addresses, as members' machines do. DNS may be asked about any name: scope does not matter.
    """
    zone = zone_of(client)
    if not isinstance(zone, ZoneFile):
        return (), 0
    declared, domain = set(main_hosts(client.parameters)), normal(client.parameters.domain)
    found = dict.fromkeys(
        (record.name, "AAAA" if record.rdtype == "AAAA" else "A")
        for record in zone.records
        if record.rdtype in _WEB_TYPES and under(record.name, domain) and not _is_technical(record.name)
        if record.name not in declared
    )
    return tuple(found)[:MOST_QUESTIONS], max(0, len(found) - MOST_QUESTIONS)


def _hosts(zone: ZoneFile, domain: str) -> Iterator[ZoneHost]:
    pointed = {target: kind for kind in _POINTING for target in _targets(zone.records, kind)}
    by_name: dict[str, list[ZoneRecord]] = {}
    for record in zone.records:
        if record.rdtype in _WEB_TYPES and under(record.name, domain) and not _is_technical(record.name):
            by_name.setdefault(record.name, []).append(record)
    for name, records in by_name.items():
        notes = [record.proxied for record in records if record.proxied is not None]
        aliases = [normal(record.text) for record in records if record.rdtype == "CNAME"]
        target = next((alias for alias in aliases if not under(alias, domain) and _is_theirs(alias)), None)
        service = _service(name, pointed)
        if target is not None and not any(notes) and any(under(target, sender) for sender in _SENDERS):
            service = service or "handed to a sender of mail"
        yield ZoneHost(name, any(notes) if notes else None, target, service)


def _is_theirs(alias: str) -> bool:
    known = providers.by_name(alias)
    return known is None or known.id in _THEIR_SOFTWARE


def _is_technical(name: str) -> bool:
    """Wildcards are no host, and names with an underscore are none that a browser asks for (RFC 8552)."""
    return name.startswith(("*", "_")) or "._" in name


def _targets(records: Iterable[ZoneRecord], kind: str) -> Iterator[str]:
    return (normal(words[-1]) for record in records if record.rdtype == kind and (words := record.text.split()))


def _service(name: str, pointed: dict[str, str]) -> str:
    if kind := pointed.get(name):
        return f"named by a record of type {kind}"
    first = name.partition(".")[0]
    return f"named {first}" if _SERVICE.fullmatch(first) else ""
