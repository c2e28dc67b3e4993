"""The parameters file of a running world: what a founder would have told, and where on loopback everything lies."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from launchready_lib.demo import names
from launchready_lib.demo.files import write_private

SLUG = "harbor-club"
MEMBERS = 120
_ACTIVE = ["login", "load", "rate_limit", "flows", "mail", "build", "drills"]
_HEAD = "# Harbor Club, the embedded client: generated for one running world, gone with it.\n"


@dataclass(frozen=True)
class Place:
    """Where a world's parts are.

    Attributes:
        folder: the world's files.
        release: names the run.
        nameservers: published address -> loopback port.
        resolver, web, smtp, rdap: loopback ports; `web` by edge_http, edge_https, origin_http, origin_https.
        ca_file: the CA to trust.
    """

    folder: Path
    release: str
    nameservers: Mapping[str, int]
    resolver: int
    web: Mapping[str, int]
    smtp: int
    rdap: int
    ca_file: Path

    @property
    def anchor(self) -> Path:
        """The root's DS record."""
        return self.folder / "root.ds"

    @property
    def zone_file(self) -> Path:
        """The zone as the DNS host exports it."""
        return self.folder / "zone.txt"

    @property
    def maildir(self) -> Path:
        """Where mail arrives."""
        return self.folder / "inbox"

    @property
    def monitor(self) -> Path:
        """The uptime monitor's configuration."""
        return self.folder / "gatus.yaml"


def write(file: Path, place: Place, web: Mapping[str, Any], *, lonely: bool) -> None:
    """Write the file; `web` replaces whole sections; lonely: one person alone reaches the database."""
    client = {**_client(place), **_operation(place, lonely=lonely), **web}
    text = yaml.safe_dump({"client": client}, sort_keys=False, allow_unicode=True, width=120)
    write_private(file, _HEAD + text)


def _client(place: Place) -> dict[str, Any]:
    today = dt.datetime.now(dt.UTC).date()
    return {
        "name": "Harbor Club",
        "slug": SLUG,
        "domain": names.DOMAIN,
        "release": place.release,
        "notes": "A membership community that lives on this machine only, made to be audited.",
        "business": {
            "members": MEMBERS,
            "price_month": 19,
            "currency": "EUR",
            "launch_on": today + dt.timedelta(days=9),
        },
        "authorization": {
            "granted_by": "the founder",
            "granted_on": today,
            "hosts": [names.DOMAIN, f"*.{names.DOMAIN}", names.ORIGIN_ADDRESS],
            "allow": list(_ACTIVE),
        },
        "limits": {"stage_minutes": 5},
        "network": {
            "nameservers": [_loopback(place.resolver)],
            "dnssec_anchor": str(place.anchor),
            "connect_to": _connect_to(place),
            "ca_file": str(place.ca_file),
            "rdap_url": names.RDAP_URL,
            "timeout_s": 10,
            "requests_per_second": 200,
        },
    }


def _connect_to(place: Place) -> dict[str, str]:
    """Published address and port -> loopback port; a fault moves a name to another address, never an address."""
    web = {
        f"{address}:{port}": _loopback(place.web[f"{part}_{scheme}"])
        for address, part in (
            (names.EDGE_ADDRESS, "edge"),
            (names.TUNNEL_ADDRESS, "edge"),
            (names.ORIGIN_ADDRESS, "origin"),
            (names.FORMER_ADDRESS, "origin"),
        )
        for port, scheme in ((443, "https"), (80, "http"))
    }
    dns = {f"{address}:53": _loopback(port) for address, port in place.nameservers.items()}
    return {
        **web,
        **dns,
        f"{names.MAIL_ADDRESS}:25": _loopback(place.smtp),
        f"{names.RDAP_ADDRESS}:443": _loopback(place.rdap),
    }


def _operation(place: Place, *, lonely: bool) -> dict[str, Any]:
    return {
        "hosting": {
            "provider": names.HOSTING_PROVIDER,
            "edge": names.EDGE_PROVIDER,
            "edge_networks": [names.EDGE_NETWORK],
            "origins": [names.ORIGIN_ADDRESS],
            "database": "sqlite",
            "zone_file": str(place.zone_file),
        },
        "mail": {
            "from_domains": [names.DOMAIN],
            "dkim_selectors": {names.DOMAIN: list(names.DKIM_SELECTORS)},
            "senders": [names.SENDER_ADDRESS],
            "providers": [names.MAIL_PROVIDER],
            "inbox": {"maildir": str(place.maildir)},
        },
        "load": {"rate": 40, "samples": 100},
        "monitoring": {
            "configuration": str(place.monitor),
            "alerts": [{"to": "#alerts", "kind": "slack", "readers": 2, "for": ["uptime", "deploys"]}],
            "delivery_minutes": 1,
        },
        "access": _access(lonely=lonely),
        "secrets_inventory": [
            {
                "name": "STRIPE_WEBHOOK_SECRET",
                "owner": "cto",
                "stored_in": "fly secrets",
                "rotated_on": dt.datetime.now(dt.UTC).date() - dt.timedelta(days=40),
                "steps": "docs/rotate.md",
            }
        ],
    }


def _access(*, lonely: bool) -> dict[str, Any]:
    def entry(provider: str, owner: str, second: str, **more: bool) -> dict[str, Any]:
        return {"provider": provider, "owner": owner, "second": second, "two_factor": True, **more}

    access = {
        "registrar": entry(names.REGISTRAR, "founder", "cto", auto_renew=True),
        "cloudflare": entry("Cloudflare", "founder", "cto"),
        "hosting": entry("Fly.io", "cto", "founder"),
        "email_provider": entry("Postlane", "cto", "founder"),
        "database": entry("Fly.io", "cto", "founder"),
        "analytics": entry("Plausible", "founder", "cto"),
        "monitoring": entry("Gatus", "cto", "founder"),
    }
    if lonely:
        access["database"] = {"provider": "Fly.io", "owner": "cto", "two_factor": False}
    return access


def write_monitor(file: Path, pages: Mapping[str, str]) -> None:
    """Write the uptime monitor's configuration (Gatus): every page, once a minute, an alert after two failures."""
    endpoints = [
        {
            "name": name,
            "url": path if "://" in path else f"{names.CANONICAL}{path}",
            "interval": "60s",
            "conditions": ["[STATUS] < 400", "[RESPONSE_TIME] < 2000"],
            "alerts": [{"type": "slack", "failure-threshold": 2, "send-on-resolved": True}],
        }
        for name, path in pages.items()
    ]
    slack = {"slack": {"webhook-url": "${SLACK_WEBHOOK_URL}"}}
    write_private(file, yaml.safe_dump({"alerting": slack, "endpoints": endpoints}, sort_keys=False))


def _loopback(port: int) -> str:
    return f"127.0.0.1:{port}"
