"""What an edge or a server refuses: too many tries, private files, old encryption."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from launchready_lib.checks.secure_edge import edge as edges
from launchready_lib.checks.secure_edge.bursts import BurstEvidence
from launchready_lib.checks.secure_edge.exposure import ExposureEvidence
from launchready_lib.kit.facts import Facts
from launchready_lib.kit.records import ZonePatch
from launchready_lib.kit.rendering import render
from launchready_lib.wording import listed

_REAL_HEADERS = {"cloudflare": "CF-Connecting-IP", "fastly": "Fastly-Client-IP"}
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/._~%@!+=:,-]{1,200}")
_HIDDEN = re.compile(r"/\.(?!well-known(?:/|\Z))")


@dataclass(frozen=True)
class GuardFile:
    """One file, and ids of the checks that it fixes."""

    name: str
    text: str
    fixes: tuple[str, ...]


def limits(facts: Facts, failures: Container[str], tried: BurstEvidence | None = None) -> Iterator[GuardFile]:
    """Limits for the forms that strangers try again and again: their pages, and where what is typed is sent."""
    check = "edge.rate_limit"
    sent = [urlsplit(burst.target).path for burst in tried.bursts if burst.target] if tried is not None else []
    paths = [path for path in dict.fromkeys((*facts.limited, *sent)) if path != "/" and _PLAIN_PATH.fullmatch(path)]
    if check not in failures or not paths:
        return
    known = edges.known().get(facts.edge or "")
    through = known if known is not None and known.id in _REAL_HEADERS else None
    values = {
        "title": "Limits for login, sign-up and password reset",
        "paths": paths,
        "hosts": listed(facts.hosts, most=20),
        "edge": through.title if through else "",
        "date": through.date if through else "",
        "networks": facts.edge_networks if through else (),
        "real_header": _REAL_HEADERS.get(facts.edge or "", ""),
    }
    if _uses(facts, "cloudflare"):
        yield GuardFile("cloudflare/limits.tf", render("cloudflare/limits.tf", **values), (check,))
    if _uses(facts, "nginx"):
        yield GuardFile("limits/nginx-http.conf", render("limits/nginx-http.conf", **values), (check,))
        yield GuardFile("limits/nginx.conf", render("limits/nginx.conf", **values), (check,))


def private(facts: Facts, failures: Container[str], exposed: ExposureEvidence | None) -> Iterator[GuardFile]:
    """Refusals for what lay open; pages that their owners need belong behind a login instead."""
    check = "exposure.files"
    if check not in failures or exposed is None:
        return
    found = (urlsplit(each.url).path for host in exposed.hosts for each in host.found if each.is_open)
    paths = [p for p in dict.fromkeys(found) if _PLAIN_PATH.fullmatch(p) and not _HIDDEN.search(p) and not _needed(p)]
    values = {
        "title": "Nothing private is served; remove it from the web folder as well, and rotate the keys in it",
        "paths": paths,
        "hosts": listed(facts.hosts, most=20),
    }
    for stack, name in (("cloudflare", "cloudflare/private.tf"), ("nginx", "private/nginx.conf"),
                        ("caddy", "private/Caddyfile")):  # fmt: skip
        if _uses(facts, stack):
            yield GuardFile(name, render(name, **values), (check,))


def _needed(path: str) -> bool:
    return "admin" in path.lower()


def origin(facts: Facts, failures: Container[str]) -> Iterator[GuardFile]:
    """A server that answers the edge alone."""
    check = "edge.origin_hidden"
    known = edges.known().get(facts.edge or "")
    if check not in failures or known is None or not facts.edge_networks:
        return
    values = {
        "title": f"The server answers {known.title} alone",
        "edge": known.title,
        "date": known.date,
        "networks": facts.edge_networks,
        "hosts": listed(facts.hosts, most=20),
    }
    yield GuardFile("origin/firewall.sh", render("origin/firewall.sh", **values), (check,))
    served = [stack for stack in ("nginx", "caddy") if _uses(facts, stack)] or ["nginx", "caddy"]
    if "nginx" in served:
        yield GuardFile("origin/nginx-http.conf", render("origin/nginx-http.conf", **values), (check,))
        yield GuardFile("origin/nginx.conf", render("origin/nginx.conf", **values), (check,))
    if "caddy" in served:
        yield GuardFile("origin/Caddyfile", render("origin/Caddyfile", **values), (check,))


def protocols(facts: Facts, failures: Container[str]) -> Iterator[GuardFile]:
    """TLS 1.2 and 1.3 only."""
    check = "tls.protocols"
    if check not in failures:
        return
    for stack, name in (("cloudflare", "cloudflare/tls.tf"), ("nginx", "tls/nginx.conf")):
        if _uses(facts, stack):
            yield GuardFile(name, render(name, title="TLS 1.2 and 1.3 only, with forward secrecy"), (check,))


def proxied(facts: Facts, patches: Iterable[ZonePatch]) -> Iterator[GuardFile]:
    """Records that Cloudflare stands before, for Terraform."""
    found = list(patches)
    records = [
        (_label(each.name, each.rdtype, number), each.name, each.rdtype, value)
        for patch in found
        for each in patch.sets
        if each.proxied
        for number, value in enumerate(each.values, 1)
    ]
    if records and _uses(facts, "cloudflare"):
        text = render("cloudflare/records.tf", title="Hosts behind Cloudflare's proxy", records=records)
        fixes = tuple(check for patch in found for check in patch.fixes if check.startswith("edge."))
        yield GuardFile("cloudflare/records.tf", text, fixes)


def _label(*parts: object) -> str:
    return re.sub(r"[^a-z0-9]+", "_", " ".join(map(str, ("launchready", *parts))).lower())


def _uses(facts: Facts, stack: str) -> bool:
    return stack in facts.stacks
