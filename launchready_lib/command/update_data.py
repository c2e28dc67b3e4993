"""`launchready update-data`: the networks of the edges, read anew where their owners publish them.

Nothing but these lists is asked for. A list that looks wrong (not all networks, none, too many, or one far too wide)
changes nothing: an edge whose networks were made up would let hosts in the open pass as guarded.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from launchready_lib.network import Network, Purpose, Scope
from launchready_lib.paths import PACKAGE

EDGES = PACKAGE / "data" / "edges.yaml"
_LARGEST_MB = 8.0
_MOST = 1_000
_WIDEST = {4: 8, 6: 16}
"""Bits of the widest network that is believed: nobody's edge is a larger part of the internet."""

Addresses = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Refreshed:
    """What became of one edge's networks: how many there were and are, and why they stayed as they were."""

    edge: str
    before: int
    after: int
    problem: str | None = None

    def line(self) -> str:
        """For the command's answer."""
        if self.problem is not None:
            return f"{self.edge}: kept as it was, {self.before} networks ({self.problem})"
        return f"{self.edge}: {self.after} networks (before: {self.before})"


class NoListError(ValueError):
    """A text that is no list of an edge's networks; says why."""


def networks(text: str) -> tuple[str, ...]:
    """Networks in a list (lines, Fastly's JSON, CloudFront's in Amazon's); raises `NoListError` where not believed."""
    found: dict[Addresses, None] = {}
    for each in _listed(text):
        try:
            found[ipaddress.ip_network(each)] = None
        except ValueError:
            raise NoListError("something in it is no network") from None
    if not 0 < len(found) <= _MOST:
        raise NoListError(f"it holds {len(found)} networks")
    for network in found:
        if network.prefixlen < _WIDEST[network.version] or not network.is_global:
            raise NoListError("a network in it cannot be an edge's")
    return tuple(map(str, found))


def _listed(text: str) -> Iterable[str]:
    if not text.lstrip().startswith(("{", "[")):
        return [line.strip() for line in text.splitlines() if line.strip()]
    try:
        body: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise NoListError("it is broken JSON") from None
    if not isinstance(body, dict):
        raise NoListError("its form is not known")
    keys = ("prefixes", "ipv6_prefixes") if "prefixes" in body else ("addresses", "ipv6_addresses")
    entries = [entry for key in keys if isinstance(found := body.get(key), list) for entry in found]
    if "prefixes" in body:
        mine = (entry for entry in entries if isinstance(entry, dict) and entry.get("service") == "CLOUDFRONT")
        return [str(entry.get("ip_prefix") or entry.get("ipv6_prefix")) for entry in mine]
    return [str(entry) for entry in entries]


def run(
    *, file: Path = EDGES, connect_to: dict[str, str] | None = None, ca_file: Path | None = None
) -> list[Refreshed]:
    """Read every list and write the table of edges anew; raises `OSError` where it may not be written."""
    return asyncio.run(refresh(file, connect_to=connect_to, ca_file=ca_file))


async def refresh(
    file: Path, *, connect_to: dict[str, str] | None = None, ca_file: Path | None = None, today: dt.date | None = None
) -> list[Refreshed]:
    """Read every list that the table names, and write the table anew where something was read."""
    text = await asyncio.to_thread(file.read_text, encoding="utf-8")
    table: dict[str, dict[str, Any]] = yaml.safe_load(text)
    lists = {edge: tuple(entry["lists"]) for edge, entry in table.items() if "lists" in entry}
    hosts = frozenset(urlsplit(url).hostname or "" for urls in lists.values() for url in urls)
    async with Network(
        Scope(None, services=hosts), connect_to=connect_to, ca_file=ca_file, max_body_mb=_LARGEST_MB, timeout_s=30
    ) as network:
        found = await asyncio.gather(*(_read(network, urls) for urls in lists.values()))
    done: list[Refreshed] = []
    day = today or dt.datetime.now(dt.UTC).date()
    for edge, read in zip(lists, found, strict=True):
        before = len(table[edge]["networks"])
        if isinstance(read, str):
            done.append(Refreshed(edge, before, before, read))
            continue
        text = _with(text, edge, read, day)
        done.append(Refreshed(edge, before, len(read)))
    if any(one.problem is None for one in done):
        _write(file, text, table)
    return done


async def _read(network: Network, urls: tuple[str, ...]) -> tuple[str, ...] | str:
    """The networks of all lists together, or why they could not be read."""
    found: dict[str, None] = {}
    for url in urls:
        answer = await network.request("GET", url, verify=True, purpose=Purpose.SERVICE)
        if not answer.ok or answer.status != 200 or answer.truncated:
            return f"{url}: {answer.error or f'it answered {answer.status}'}"
        try:
            found |= dict.fromkeys(networks(answer.text))
        except NoListError as why:
            return f"{url}: {why}"
    return tuple(found)


def _with(text: str, edge: str, read: tuple[str, ...], day: dt.date) -> str:
    """The table's text with other networks for one edge, and everything else as it stands."""
    block = re.compile(
        rf"(^{re.escape(edge)}:\n(?:  (?!date:).*\n)*?)  date: .*\n  networks:(?: \[.*\]\n|\n(?:    - .*\n)*)",
        re.MULTILINE,
    )
    listed = "".join(f"    - {network}\n" for network in read)
    return block.sub(lambda match: f"{match[1]}  date: {day.isoformat()}\n  networks:\n{listed}", text, count=1)


def _write(file: Path, text: str, before: dict[str, dict[str, Any]]) -> None:
    """Write the table in one step, once it is seen that nothing but dates and networks is another."""
    lasting = [
        [{k: v for k, v in entry.items() if k not in ("date", "networks")} for entry in table.values()]
        for table in (before, yaml.safe_load(text))
    ]
    if lasting[0] != lasting[1]:
        raise ValueError("the table of edges is not laid out as it was; nothing was written")
    beside = file.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)
