"""What an edge or a server refuses: too many tries, private files, old encryption."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Any
from urllib.parse import urlsplit

from launchready_lib.checks.secure_edge import edge as edges
from launchready_lib.checks.secure_edge.bursts import BurstEvidence
from launchready_lib.checks.secure_edge.exposure import ExposureEvidence
from launchready_lib.kit import stacks
from launchready_lib.kit.model import KitFile
from launchready_lib.kit.quoting import render
from launchready_lib.kit.records import ZonePatch
from launchready_lib.kit.stacks import Facts
from launchready_lib.wording import listed

_REAL_HEADERS = {"cloudflare": "CF-Connecting-IP", "fastly": "Fastly-Client-IP"}
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/._~%@!+=:,-]{1,200}")
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
