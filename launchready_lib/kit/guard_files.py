"""What an edge or a server refuses (too many tries, private files, old encryption), and DNS records for the edge.

The records say which hosts are proxied, and which authorities may issue certificates (CAA).
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from launchready_lib.checks.secure_edge import edge as edges
from launchready_lib.checks.secure_edge.bursts import BurstEvidence
from launchready_lib.checks.secure_edge.edge import Edge, EdgeEvidence, Named
from launchready_lib.checks.secure_edge.exposure import ExposureEvidence
from launchready_lib.checks.secure_edge.floods import FloodEvidence, unguarded
from launchready_lib.checks.secure_edge.tls import TlsEvidence
from launchready_lib.checks.secure_edge.tls.verdicts import allowed_names, is_private
from launchready_lib.kit import stacks
from launchready_lib.kit.model import KitFile
from launchready_lib.kit.quoting import is_plain_name, render
from launchready_lib.kit.records import Change, RecordSet, ZonePatch, of, patched
from launchready_lib.kit.stacks import Facts
from launchready_lib.wording import listed

_REAL_HEADERS = {"cloudflare": "CF-Connecting-IP", "fastly": "Fastly-Client-IP"}
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/._~%@!+=:,-]{1,200}")
_CAA = re.compile(r'(\d{1,3})\s+([A-Za-z0-9]{1,15})\s+"?([^"\\\s][^"\\]*?)"?')
_ANSWERED = ("NOERROR", "NODATA", "NXDOMAIN")
_NONE = "no edge stands before the site: choose one (Cloudflare's free plan will do) and name it as hosting.edge"
# Where each host's own documentation points a bare domain and a subdomain to.
_WAYS_IN = {"vercel": (("A", "76.76.21.21"), ("CNAME", "cname.vercel-dns.com."))}
_HIDDEN = re.compile(r"/\.(?!well-known(?:/|\Z))")


def _files(subject: str, check: str, facts: Facts, systems: Iterable[str] = (), **values: Any) -> list[KitFile]:
    values["hosts"] = listed(facts.hosts, most=20)
    named = stacks.files(subject, systems or facts.stacks)
    return [KitFile(name, render(name, **values), (check,)) for _, name, _ in named]


def limits(facts: Facts, failures: Container[str], tried: BurstEvidence | None = None) -> list[KitFile]:
    """Limits for the forms that strangers try again and again: their pages, and where what is typed is sent."""
    check = "edge.rate_limit"
    sent = [urlsplit(burst.target).path for burst in tried.bursts if burst.target] if tried is not None else []
    paths = [path for path in dict.fromkeys((*facts.limited, *sent)) if path != "/" and _PLAIN_PATH.fullmatch(path)]
    if check not in failures or not paths:
        return []
    known = edges.known().get(facts.edge or "")
    through = known if known is not None and known.id in _REAL_HEADERS else None
    return _files(
        "limits",
        check,
        facts,
        title="Limits for login, sign-up and password reset",
        paths=paths,
        edge=through.title if through else "",
        date=through.date if through else "",
        networks=facts.edge_networks if through else (),
        real_header=_REAL_HEADERS.get(facts.edge or "", ""),
    )


def private(facts: Facts, failures: Container[str], exposed: ExposureEvidence | None) -> list[KitFile]:
    """Refusals for what lay open; pages that their owners need belong behind a login instead."""
    check = "exposure.files"
    if check not in failures or exposed is None:
        return []
    found = dict.fromkeys(urlsplit(each.url).path for host in exposed.hosts for each in host.found if each.is_open)
    paths = [p for p in found if _PLAIN_PATH.fullmatch(p) and not _HIDDEN.search(p) and "admin" not in p.lower()]
    title = "Nothing private is served; remove it from the web folder as well, and rotate the keys in it"
    return _files("private", check, facts, title=title, paths=paths)


def origin(facts: Facts, failures: Container[str]) -> list[KitFile]:
    """A server that answers the edge alone."""
    check = "edge.origin_hidden"
    known = edges.known().get(facts.edge or "")
    if check not in failures or known is None or not facts.edge_networks:
        return []
    title = f"The server answers {known.title} alone"
    values = {"title": title, "edge": known.title, "date": known.date, "networks": facts.edge_networks}
    firewall = KitFile("origin/firewall.sh", render("origin/firewall.sh", **values), (check,))
    served = _files("origin", check, facts, **values) or _files("origin", check, facts, stacks.ALL, **values)
    return [firewall, *served]


def protocols(facts: Facts, failures: Container[str]) -> list[KitFile]:
    """TLS 1.2 and 1.3 only."""
    check, title = "tls.protocols", "TLS 1.2 and 1.3 only, with forward secrecy"
    return _files("tls", check, facts, title=title) if check in failures else []


def proxied(facts: Facts, patches: Iterable[ZonePatch]) -> list[KitFile]:
    """Records that Cloudflare stands before, for Terraform."""
    found = list(patches)
    records = [
        (re.sub(r"[^a-z0-9]+", "_", f"launchready {s.name} {s.rdtype} {n}".lower()), s.name, s.rdtype, value)
        for patch in found
        for s in patch.sets
        if s.proxied
        for n, value in enumerate(s.values, 1)
    ]
    if not records or "cloudflare" not in facts.stacks:
        return []
    text = render("cloudflare/records.tf", title="Hosts behind Cloudflare's proxy", records=records)
    fixes = tuple(check for patch in found for check in patch.fixes if check.startswith("edge."))
    return [KitFile("cloudflare/records.tf", text, fixes)]


def patches(
    facts: Facts,
    failures: Container[str],
    gate: EdgeEvidence | None,
    open_hosts: FloodEvidence | None,
    tls: TlsEvidence | None,
) -> tuple[ZonePatch, ...]:
    """What to change in the client's zone for the edge and for certificates."""
    found: list[tuple[str, str, Change]] = []
    if gate is not None and "edge.proxied" in failures:
        found += of(facts.domain, "edge.proxied", _past(facts, gate))
    if gate is not None and open_hosts is not None and "edge.ddos" in failures:
        edge = gate.edge
        ways = [_NONE] if edge is None else [c for each in unguarded(open_hosts) for c in _way_in(facts, each, edge)]
        found += of(facts.domain, "edge.ddos", ways)
    if tls is not None and "tls.issuance" in failures:
        found += of(facts.domain, "tls.issuance", _issuers(facts, tls))
    return patched("hosts behind the edge, and who may issue certificates", found)


def _past(facts: Facts, gate: EdgeEvidence) -> Iterator[Change]:
    """Web hosts that lead past the edge, and other names that lead to it."""
    if gate.edge is None:
        yield _NONE
        return
    for named in gate.web_hosts:
        if named.state == "ok" and not gate.edge.serves(named.chain) and _outside(named, gate.edge):
            yield from _way_in(facts, named, gate.edge)
    for named in gate.others:
        if any(gate.edge.holds(address) for address in named.addresses):
            yield f"{named.name} ({named.role}): switch the proxy off, and enter its own address"


def _outside(named: Named, edge: Edge) -> tuple[str, ...]:
    return tuple(address for address in named.addresses if not edge.holds(address))


def _way_in(facts: Facts, named: Named, edge: Edge) -> list[Change]:
    why = f"{named.name} through {edge.title}" + ("" if named.role == "web" else " (or delete it, if nobody needs it)")
    if not is_plain_name(named.name):
        return []
    if edge.id in _WAYS_IN:
        rdtype, value = _WAYS_IN[edge.id][named.name != facts.domain]
        return [RecordSet(named.name, rdtype, (value,), why)]
    if edge.id != "cloudflare":
        return [f"point {named.name} to the host name that {edge.title} shows for it"]
    if named.chain and is_plain_name(named.chain[0]):
        return [RecordSet(named.name, "CNAME", (f"{named.chain[0]}.",), why, proxied=True)]
    four = tuple(address for address in _outside(named, edge) if ":" not in address)
    six = tuple(address for address in _outside(named, edge) if ":" in address)
    return [RecordSet(named.name, t, found, why, proxied=True) for t, found in (("A", four), ("AAAA", six)) if found]


def _issuers(facts: Facts, tls: TlsEvidence) -> Iterator[Change]:
    """CAA records that allow the authorities in use, beside those that stand there (RFC 8659 section 4)."""
    sets: dict[str, dict[str, None]] = {}
    for host in tls.hosts:
        if host.own is None or is_private(host) or not host.caa or host.caa[-1].state not in _ANSWERED:
            continue
        found = [match for record in host.caa[-1].records if (match := _CAA.fullmatch(record))]
        standing = [f'{m[1]} {m[2].lower()} "{m[3]}"' for m in found if m[3].isprintable()]
        name = host.caa[-1].name if standing else facts.domain
        names = allowed_names(host.own)
        if not standing and not names:
            yield f"{host.host}: ask {host.own.issuer} for its CAA name, and publish it"
        elif is_plain_name(name) and all(map(is_plain_name, names)):
            lines = sets.setdefault(name, dict.fromkeys(standing))
            # issuewild rules wild cards where it stands.
            wild = any(n.startswith("*.") for n in host.own.names) and any(" issuewild " in line for line in lines)
            for tag in ("issue", "issuewild") if wild else ("issue",):
                if names and not any(f'0 {tag} "{each}"' in lines for each in names):
                    lines[f'0 {tag} "{names[0]}"'] = None
    for name, lines in sets.items():
        why = f"authorities that may issue for {name} and below: those in use now"
        yield RecordSet(name, "CAA", tuple(lines), why)
