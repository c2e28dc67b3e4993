"""Who holds the domain, and who can reach what: registration data held against the access list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass

from launchready_lib.checks import check
from launchready_lib.checks.handover.registration import Registered, RegistrationEvidence
from launchready_lib.client import Client
from launchready_lib.evidence import Evidence, Row, Unavailable
from launchready_lib.names import providers
from launchready_lib.names.hosts import registered_domain, under
from launchready_lib.network import normal
from launchready_lib.record.findings import Verdict, combine, combine_as, failed, passed, unknown
from launchready_lib.wording import listed

SYSTEMS = ("registrar", "cloudflare", "hosting", "email_provider", "database", "analytics", "monitoring")
LEAST_DAYS = 30
_FOUNDERS = re.compile(r"(?i)\b(co-?)?(founder|owner|ceo|managing director|proprietor)\b")
_COMPANY_FORMS = re.compile(
    r"(?i)\b(inc|llc|ltd|limited|gmbh|ag|se|sas|sarl|s\.?a|s\.?l|b\.?v|corp|corporation|co|company|pty|plc|ab|oy|as|d/b/a|dba|"
    r"domains?|names?|registrar|registry|services?|group|the|com|net|org)\b"
)
_ALIASES = {"aws": "amazon", "route": "amazon", "gsuite": "google", "1und1": "ionos"}


@dataclass(frozen=True)
class AccessEntry:
    """Who can reach one system; None where the parameters do not say."""

    system: str
    provider: str | None = None
    owner: str | None = None
    second: str | None = None
    two_factor: bool | None = None

    def row(self) -> Row:
        """The entry as evidence."""
        columns = ("system", "provider", "owner", "second_person", "two_factor")
        return dict(zip(columns, astuple(self), strict=True))


@dataclass(frozen=True)
class AccessList(Evidence):
    """The access list of the parameters.

    Attributes:
        domain: the client's domain.
        entries: by system, only those that are given.
        auto_renew: whether the registrar renews by itself; None where it is not said.
    """

    domain: str
    entries: dict[str, AccessEntry]
    auto_renew: bool | None = None

    def rows(self) -> list[Row]:
        """One row per system, the missing ones too."""
        return [self.entries.get(name, AccessEntry(name)).row() for name in SYSTEMS]


def declared(client: Client) -> AccessList:
    """Read the access list from the parameters."""
    access = client.parameters.access
    entries = {
        name: AccessEntry(name, given.provider, given.owner, given.second, given.two_factor)
        for name in SYSTEMS
        if (given := getattr(access, name)) is not None
    }
    renews = access.registrar.auto_renew if access.registrar else None
    return AccessList(normal(client.parameters.domain), entries, renews)


@check("handover.access")
def access(listing: AccessList) -> Verdict:
    """The seven systems each have an owner, a second person, and two-factor login."""
    if not listing.entries:
        return unknown("nobody has written down who can reach what", needs="access (registrar, hosting, and so on)")
    text = f"{len(SYSTEMS)} systems each have an owner, a second person and two-factor login"
    return combine_as(text, *(_reachable(listing, system) for system in SYSTEMS))


def _reachable(listing: AccessList, system: str) -> Verdict:
    if (entry := listing.entries.get(system)) is None:
        needs = f"access.{system} (or client.not_applicable, where there is none)"
        return unknown(f"who can reach {_plain(system)} is not written down", needs=needs)
    row = [entry.row()]
    clauses = []
    if entry.two_factor is False:
        text = f"{_plain(system)} is reached with a password alone"
        fix = f"Switch two-factor login on at {entry.provider or _plain(system)} for everybody who can sign in"
        clauses.append(failed(text, evidence=row, fix=fix, about=(system, "two_factor"), source="attested"))
    if entry.owner and entry.second and entry.owner.strip().lower() == entry.second.strip().lower():
        text = f"only {entry.owner} reaches {_plain(system)}"
        fix = f"Invite a second person at {entry.provider or _plain(system)}"
        clauses.append(failed(text, evidence=row, fix=fix, about=(system, "second"), source="attested"))
    if missing := [name for name in ("owner", "second", "two_factor") if getattr(entry, name) is None]:
        reason = f"of {_plain(system)} it is not written down: {listed(_WORDS[name] for name in missing)}"
        needs = listed([f"access.{system}.{name}" for name in missing])
        clauses.append(unknown(reason, needs=needs, evidence=row))
    if clauses:
        return combine(*clauses)
    text = f"{_plain(system)} has an owner, a second person and two-factor login"
    return passed(text, evidence=row, source="attested")


_WORDS = {"owner": "who owns it", "second": "a second person", "two_factor": "whether login needs a second factor"}
_PLAIN = {"registrar": "the registrar", "cloudflare": "Cloudflare", "email_provider": "the e-mail provider"}


def _plain(system: str) -> str:
    return _PLAIN.get(system, f"the {system}" if system in ("hosting", "database") else system)


@check("handover.dns")
def dns(registration: RegistrationEvidence, listing: AccessList) -> Verdict:
    """Registrar and DNS host are known, agree with the access list, are the founder's, renew, are locked, and last."""
    return combine(
        _registrar(registration, listing),
        _host(registration, listing),
        _owned(listing),
        _renewing(listing),
        *_standing(registration),
    )


def _registrar(registration: RegistrationEvidence, listing: AccessList) -> Verdict:
    """The registrar is known from registration data, and is the one of the access list."""
    found, rows = registration.registered, registration.rows()
    if isinstance(found, Unavailable):
        return unknown(found.reason, needs=f"{found.needs}, or attestations.handover.dns", evidence=rows)
    if found.registrar is None:
        reason = f"the registry does not say who the registrar of {found.domain} is"
        return unknown(reason, needs="attestations.handover.dns", evidence=rows)
    entry = listing.entries.get("registrar")
    if entry is None or entry.provider is None:
        reason = f"the registrar is {found.registrar}; the access list names none to compare"
        return unknown(reason, needs="access.registrar.provider", evidence=rows)
    if not same_company(found.registrar, entry.provider):
        text = f"the registry names {found.registrar} as registrar, the access list {entry.provider}"
        fix = f"Find out who has the account at {found.registrar}, and correct access.registrar or transfer the domain"
        return failed(text, evidence=rows, fix=fix, about=("registrar", found.registrar))
    return passed(f"{found.domain} is registered with {found.registrar}, as the access list says", evidence=rows)


def same_company(one: str, other: str) -> bool:
    """Whether two names may mean one company: "NAMECHEAP INC" and "Namecheap", legal forms and endings aside."""
    part, whole = sorted((re.sub(r"[^a-z0-9]", "", name.lower()) for name in (other, one)), key=len)
    return bool(_words(one) & _words(other)) or (bool(part) and whole.startswith(part))


def _words(text: str) -> set[str]:
    words = re.findall(r"[a-z0-9]{3,}", _COMPANY_FORMS.sub(" ", text.lower()))
    return {_ALIASES.get(word, word) for word in words}


def _host(registration: RegistrationEvidence, listing: AccessList) -> Verdict:
    """The DNS host is known from NS records, and somebody on the access list."""
    rows, answer = registration.rows(), registration.ns
    if not (servers := [normal(record) for record in answer.records]):
        return unknown(f"the NS records could not be read ({answer.state})", needs="a second run", evidence=rows)
    own = [server for server in servers if under(server, registration.domain)]
    if len(own) == len(servers):
        text = f"the zone is served by nameservers of its own ({listed(servers)})"
        return passed(text, evidence=rows)
    host = providers.dns_host(servers)
    name = host.name if host else registered_domain(next(server for server in servers if server not in own))
    words = [name, *(host.also if host else ())]
    named = [entry.provider for entry in listing.entries.values() if entry.provider]
    if not listing.entries:
        return unknown(f"the DNS host is {name}; the access list is empty", needs="access", evidence=rows)
    if any(same_company(word, provider) for word in words for provider in named):
        return passed(f"the DNS host is {name}, which the access list names", evidence=rows)
    text = f"the nameservers are those of {name}, which nobody on the access list is said to reach"
    fix = f"Find out who has the account at {name}, and write it into the access list"
    return failed(text, evidence=rows, fix=fix, about=("dns host", name))


def _owned(listing: AccessList) -> Verdict:
    entry = listing.entries.get("registrar")
    if entry is None or entry.owner is None:
        return unknown("who owns the registrar's account is not written down", needs="access.registrar.owner")
    row = [entry.row()]
    address = entry.owner.rpartition("@")[2] if "@" in entry.owner else None
    if _FOUNDERS.search(entry.owner) or (address and under(address, registered_domain(listing.domain))):
        return passed(f"the registrar's account is {entry.owner}'s", evidence=row, source="attested")
    text = f"the registrar's account belongs to {entry.owner}, not to the founder"
    fix = "Have the domain moved into an account that the founder signs in to, with the founder's address on it"
    return failed(text, evidence=row, fix=fix, about=("registrar", "owner"), source="attested")


def _renewing(listing: AccessList) -> Verdict:
    if listing.auto_renew is None:
        return unknown("whether the domain renews by itself is not said", needs="access.registrar.auto_renew")
    row: list[Row] = [{"fact": "renews by itself", "value": listing.auto_renew}]
    if listing.auto_renew:
        return passed("it renews by itself", evidence=row, source="attested")
    fix = "Switch automatic renewal on at the registrar, with a card that outlives the next renewal"
    text = "the domain does not renew by itself"
    return failed(text, evidence=row, fix=fix, about=("registrar", "auto_renew"), source="attested")


def _standing(registration: RegistrationEvidence) -> Iterator[Verdict]:
    """Not on hold, locked against transfer, not about to expire, and with the nameservers that DNS names."""
    found, rows = registration.registered, registration.rows()
    if isinstance(found, Unavailable):
        return  # said once, with the registrar
    if found.holds:
        text = f"{found.domain} is on {listed(found.holds)}: it is off the net, or about to be given away"
        fix = "Call the registrar today: pay what is open, confirm the owner's address, and ask what the hold is for"
        yield failed(text, evidence=rows, fix=fix, about=found.holds)
    else:
        yield passed("nothing holds the domain back", evidence=rows)
    yield _locked(found, rows)
    yield _lasting(registration, found, rows)
    # One nameserver more or less is the business of domain.nameservers; none in common is somebody's half a move.
    in_dns = {normal(record) for record in registration.ns.records}
    if in_dns and found.nameservers and not in_dns & set(found.nameservers):
        text = (
            f"the registry has {found.domain} at {listed(found.nameservers)}, but DNS names {listed(sorted(in_dns))}: "
            f"the domain was moved on one side only, or by somebody else"
        )
        fix = "Find out at the registrar who changed the nameservers and when, and set the same ones on both sides"
        yield failed(text, evidence=rows, fix=fix, about=("nameservers",))


def _locked(found: Registered, rows: list[Row]) -> Verdict:
    if found.locks:
        return passed(f"it is locked against transfer ({listed(found.locks)})", evidence=rows)
    if len(found.domain.rpartition(".")[2]) == 2:
        reason = f"the registry of {found.domain} publishes no transfer lock; many country registries have none"
        return unknown(reason, needs="attestations.handover.dns (how the registrar guards transfers)", evidence=rows)
    fix = "Switch the transfer lock (registrar lock) on at the registrar: client transfer prohibited"
    return failed(f"{found.domain} is not locked against transfer", evidence=rows, fix=fix, about=("lock",))


def _lasting(registration: RegistrationEvidence, found: Registered, rows: list[Row]) -> Verdict:
    if found.expires is None:
        reason = f"the registry of {found.domain} publishes no expiry date"
        return unknown(reason, needs="attestations.handover.dns (with the date in its evidence)", evidence=rows)
    days = (found.expires - registration.asked_at).days
    if days <= LEAST_DAYS:
        when = f"on {found.expires:%Y-%m-%d}"
        text = f"{found.domain} expires {when}, in {days} days" if days >= 0 else f"{found.domain} expired {when}"
        fix = "Renew it now, for several years, and switch automatic renewal on"
        return failed(text, evidence=rows, fix=fix, about=("expiry",))
    return passed(f"it runs until {found.expires:%Y-%m-%d}", evidence=rows)
