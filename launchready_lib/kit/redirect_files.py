"""Redirects to the one address where the site lives, written for each system that the client uses."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from launchready_lib.checks.quick_audit.redirects import RedirectEvidence
from launchready_lib.kit import stacks
from launchready_lib.kit.quoting import is_plain_name
from launchready_lib.kit.stacks import Facts
from launchready_lib.network import normal
from launchready_lib.wording import listed


@dataclass(frozen=True)
class RedirectPlan:
    """Which origins lead to which, such as http://acme.example to https://acme.example."""

    moves: tuple[tuple[str, str], ...] = ()
    fixes: tuple[str, ...] = ()


def plan(facts: Facts, failures: Container[str], hops: RedirectEvidence | None) -> RedirectPlan:
    """What failed, as moves; an empty plan where nothing did."""
    if hops is None:
        return RedirectPlan()
    moves: dict[str, str] = {}
    if "redirects.canonical" in failures:
        moves |= {f"{scheme}://{host}": facts.origin for host in facts.moved for scheme in ("http", "https")}
    if "redirects.https" in failures:
        asked = (normal(urlsplit(reply.url).hostname or "") for reply in hops.plain)
        foreign = set(hops.zone.names) - set(hops.zone.own)  # others run their servers
        for host in dict.fromkeys(name for name in asked if is_plain_name(name) and name not in foreign):
            moves.setdefault(f"http://{host}", facts.origin if host in facts.moved else f"https://{host}")
    fixes = tuple(check for check in ("redirects.https", "redirects.canonical") if check in failures)
    return RedirectPlan(tuple(moves.items()), fixes if moves else ())


def files(facts: Facts, redirects: RedirectPlan) -> Iterator[tuple[str, str]]:
    """(name in kit/, text) of each file that the plan needs."""
    if not redirects.moves:
        return
    moved = [(start.removeprefix("https://"), goal) for start, goal in redirects.moves if start.startswith("https:")]
    systems = [stack for stack in facts.stacks if moved or stack != "vercel"]  # Vercel leads to HTTPS by itself
    yield from stacks.printed(
        "redirects",
        stacks.files("redirects", systems),
        title="One encrypted address for members",
        moves=redirects.moves,
        hosts_moved=moved,
        https=any(start.startswith("http:") for start, _ in redirects.moves),
        hosts=listed((start.partition("://")[2] for start, _ in redirects.moves), most=20),
    )
