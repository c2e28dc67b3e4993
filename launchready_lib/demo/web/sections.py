"""The sections of the generated parameters file that the web part knows: site, accounts, flows, webhooks, files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launchready_lib.demo import names
from launchready_lib.demo.web import database, repository

if TYPE_CHECKING:
    from pathlib import Path

SITE = {
    "canonical": names.CANONICAL,
    "pages": {
        "home": "/", "login": "/login", "signup": "/signup", "dashboard": "/dashboard", "checkout": "/checkout",
        "reset": "/forgot",
    },
    "core_reads": {"dashboard": "/api/dashboard", "profile": "/api/me"},
    "health": "/healthz",
    "release_url": "/version",
    "subdomains": {
        "app": {"host": names.APP, "expect": "app"},
        "admin": {"host": names.ADMIN, "expect": "app", "restricted": True},
        "api": {"host": names.API, "expect": "api"},
    },
}  # fmt: skip
ACCOUNTS = {
    "member": {"email": names.MEMBER_EMAIL, "password": f"${{{names.MEMBER_PASSWORD}}}"},
    "admin": {"email": names.ADMIN_EMAIL, "password": f"${{{names.ADMIN_PASSWORD}}}"},
    "count": database.MEMBERS,
    "new_email": f"audit+{{n}}@{names.DOMAIN}",
}
QUERIES = {
    "dashboard": ["from attendances", "from events", "from posts"],
    "login": ["select id, password from members where email"],
}
CHANGED_MEMBER = 3
"""Whose subscription the audit changes: an ordinary member, none of the test accounts."""


def client(folder: Path, release: str, *, way_back: bool) -> dict[str, Any]:
    """Every section, for a world in this folder; `way_back`: whether there is one after a bad deploy."""
    checkout = folder / "repository"
    return {
        "site": SITE,
        "accounts": ACCOUNTS,
        "flows": {"admin": _admin_flows(), "bulk": _bulk_flows()},
        "webhooks": {"billing": _billing(folder)},
        "repository": {
            "path": str(checkout),
            "branch": "main",
            "build": ["python3 scripts/build.py"],
            "start": ["python3 -m harbor"],
            "env_files": {name: f".env.{name}" for name in repository.ENVIRONMENTS},
            "chat_exports": [str(folder / "chat" / "slack-export.zip")],
        },
        "database": {"url": f"${{{names.DATABASE_URL}}}"},
        "query_log": str(folder / "logs" / "queries.log"),
        "queries": QUERIES,
        "logs": [str(folder / "logs" / "app.log")],
        "deploy": _deploy(release, way_back=way_back),
        "runbook": str(checkout / "docs" / "runbook.md"),
    }


def _billing(folder: Path) -> dict[str, Any]:
    return {
        "url": "/webhooks/stripe",
        "provider": "stripe",
        "secret": f"${{{names.WEBHOOK_SECRET}}}",
        "events": {name: str(folder / "webhooks" / f"{name}.json") for name in ("activate", "cancel")},
        "state": {
            "url": "/api/members/{customer}", "as": "admin", "field": "status", "active": "active",
            "inactive": "canceled", "counter": "payments",
        },
    }  # fmt: skip


def _deploy(release: str, *, way_back: bool) -> dict[str, Any]:
    deploy: dict[str, Any] = {
        "pipeline": ".github/workflows/deploy.yml",
        "deploy_command": [f"./deploy {release}"],
        "release": release,
    }
    if way_back:
        deploy |= {"rollback_command": ["./deploy --rollback"], "previous_release": repository.PREVIOUS}
    return deploy


def _admin_flows() -> dict[str, Any]:
    change = {"method": "PATCH", "url": f"/admin/api/members/{CHANGED_MEMBER}", "json": {"status": "active"}}
    return {
        "list": [{"goto": "/admin"}, {"expect": {"text": "Subscriptions"}}],
        "change": [{"request": change}, {"expect": {"status": [200]}}],
    }


def _bulk_flows() -> dict[str, Any]:
    bodies: dict[str, dict[str, object]] = {
        "export": {"format": "csv"},
        "invites": {"emails": [f"audit+{{n}}@{names.DOMAIN}"]},
        "cohort": {"cohort": "test", "plan": "monthly"},
    }
    return {name: _bulk(name, body) for name, body in bodies.items()}


def _bulk(name: str, body: dict[str, object]) -> list[dict[str, Any]]:
    return [
        {"request": {"method": "POST", "url": f"/admin/api/{name}", "json": body}},
        {"expect": {"status": [202]}},
        {"save": {"job": "$.job"}},
        {"wait_until": {"url": "/admin/api/jobs/{job}", "text": "done", "within_s": 30}},
    ]
