"""Runs on disk as the stages would leave them: executed notebooks with findings for all checks, no network needed."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from launchready_lib.record.findings import (
    FINDING_MIME,
    RECORD_MIME,
    Finding,
    Status,
    Verdict,
    failed,
    finding,
    passed,
    unknown,
)
from launchready_lib.roadmap import load

ROADMAP = load()
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
CLIENT = {
    "name": "Acme Members",
    "slug": "acme-members",
    "domain": "acme.example",
    "release": "2026.11.1",
    "notes": "Prototype built with a code assistant; launch planned for 1 December.",
    "consultant": {"name": "Harbour Audits", "logo": None, "closing": "We can start on Monday."},
    "business": {"members": 120, "price_month": 19, "currency": "EUR", "launch_on": "2026-12-01"},
    "authorization": {
        "granted_by": "the founder",
        "granted_on": "2026-11-20",
        "hosts": ["acme.example", "*.acme.example"],
        "allow": ["login", "load", "flows", "mail"],
    },
    "compare_with": None,
    "not_applicable": {"webhooks": "no billing before spring"},
}

FAILING = {
    "domain.dnssec": "acme.example publishes a DS record, but its key does not match: validating resolvers refuse it",
    "redirects.canonical": "http://www.acme.example ends on a third origin after 3 hops",
    "subdomains.mapped": "admin.acme.example answers with the provider's placeholder page",
    "environment.missing": "2 variables that production reads are not set: STRIPE_WEBHOOK_SECRET, SMTP_URL",
    "secrets.tree": "1 live credential in the code: a Stripe secret key in settings.py",
    "edge.origin_hidden": "203.0.113.10 serves the site to anybody who asks it directly",
    "headers.csp": "no Content-Security-Policy on 3 of 3 hosts",
    "headers.hsts": "Strict-Transport-Security is missing on app.acme.example",
    "headers.disclosure": "the Server header names nginx/1.22.1",
    "mail.dmarc": "acme.example has no DMARC record, so anybody can write in its name",
    "latency.p95": "95 of 100 dashboard requests take up to 612 ms; the target is 300 ms",
    "caching.static": "app.js is sent anew on every visit",
    "logs.request_ids": "1,204 log lines without a request id",
    "flows.login": "a wrong password says that the address exists",
    "sessions.logout": "the old session still opens the dashboard after logout",
}
ROWS = {
    "domain.resolves": [
        {"name": "acme.example", "type": "A", "server": "ns1.dns.example", "answer": "198.51.100.7"},
        {"name": "www.acme.example", "type": "A", "server": "ns1.dns.example", "answer": "198.51.100.7"},
        {"name": "app.acme.example", "type": "A", "server": "ns2.dns.example", "answer": "198.51.100.9"},
    ],
    "hosting.provider": [
        {"host": "acme.example", "provider": "Fly.io", "from": "fly-request-id", "address": "198.51.100.7"},
        {"host": "app.acme.example", "provider": "Fly.io", "from": "fly-request-id", "address": "198.51.100.9"},
    ],
    "environment.missing": [
        {"variable": "STRIPE_WEBHOOK_SECRET", "read_in": "billing/views.py:31", "production": "not set"},
        {"variable": "SMTP_URL", "read_in": "mail/send.py:8", "production": "not set"},
        {"variable": "DATABASE_URL", "read_in": "settings.py:12", "production": "set"},
    ],
}
MEASURED = {
    "latency.p95": 612.0,
    "flows.login": 0.99,
    "uptime.detection": 3.0,
    "pages.interactive": 1.7,
    "latency.quick": 180.0,
}
UNMEASURED = {
    "queries.slow": ("no query log was given", "query_log"),
    "rollback.drill": ("the authorization does not allow drills", "authorization.allow: [drills]"),
    "build.clean": ("the authorization does not allow build", "authorization.allow: [build]"),
    "alerts.read": ("no test alert was sent", "monitoring.test_alert"),
}


def verdict(check: str) -> Verdict:
    """A believable verdict: the named ones fail, some are unknown, the rest pass."""
    rows = ROWS.get(check, [{"looked_at": "https://acme.example/", "saw": "200 OK", "seconds": 0.183}])
    measured = MEASURED.get(check)
    if check in FAILING:
        made = failed(FAILING[check], evidence=rows, measured=measured, about=["acme.example"])
    elif check in UNMEASURED:
        reason, needs = UNMEASURED[check]
        made = unknown(reason, needs=needs)
    elif check.startswith(("overbuild", "errors", "background")):
        made = unknown("not built yet", needs="a later version of Launch Ready, or a look by hand")
    else:
        made = passed(f"{ROADMAP.checks[check].title}: as it should be", evidence=rows, measured=measured)
    return replace(made, check=check)


def declared(check: str, reason: str) -> Finding:
    """A check that the founder declared not applicable."""
    entry = ROADMAP.checks[check]
    return Finding(
        check=check,
        stage=entry.stage,
        status=Status.NOT_APPLICABLE,
        severity=entry.severity,
        title=entry.title,
        summary=f"Declared not applicable: {reason}",
        source="declared",
        reason=reason,
        item=entry.item,
    )


def finding_output(found: Finding, at: datetime) -> dict:
    """A finding as a cell's output."""
    return {
        "output_type": "display_data",
        "data": {"text/html": "<b>shown to people</b>", FINDING_MIME: found.to_json()},
        "metadata": {FINDING_MIME: {"recorded_at": at.isoformat()}},
    }


def record_output(kind: str, data: object, at: datetime) -> dict:
    """Another record as a cell's output."""
    body = {"kind": kind, "data": data, "recorded_at": at.isoformat()}
    return {"output_type": "display_data", "data": {RECORD_MIME: body}, "metadata": {}}


def html_output(html: str, **more: object) -> dict:
    """What a cell that ends in a data frame or a chart leaves."""
    return {"output_type": "display_data", "data": {"text/html": html, **more}, "metadata": {}}


def chart_output(title: str, points: int = 60) -> dict:
    """A plotly figure with its data table."""
    xs = [f"{n}" for n in range(points)]
    ys = [120 + (n * 37) % 180 for n in range(points)]
    figure = {
        "data": [{"type": "bar", "x": xs, "y": ys, "name": "dashboard"}],
        "layout": {
            "title": {"text": title},
            "xaxis": {"title": {"text": "request"}},
            "yaxis": {"title": {"text": "ms"}},
            "template": {"layout": {"colorway": ["#636efa"] * 10}},
        },
    }
    rows = "".join(f"<tr><td>{x}</td><td>{y}</td></tr>" for x, y in zip(xs, ys, strict=True))
    table = (
        f"<table><caption>{title}</caption><thead><tr><th>request</th><th>ms</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
    return html_output(table, **{"application/vnd.plotly.v1+json": figure})


def code(outputs: list[dict], source: str = "stage.judge()", count: int | None = 1) -> dict:
    """A code cell."""
    return {"cell_type": "code", "source": source, "metadata": {}, "execution_count": count, "outputs": outputs}


def markdown(text: str) -> dict:
    """A Markdown cell."""
    return {"cell_type": "markdown", "source": text, "metadata": {}}


@dataclass
class Run:
    """One run of a client, to be changed at will and written."""

    client: dict = field(default_factory=lambda: dict(CLIENT))
    started: datetime = START
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    records: dict[str, list[tuple[str, object]]] = field(default_factory=dict)
    outputs: dict[str, list[dict]] = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    charts: int = 0

    def notebook(self, stage_id: str) -> dict:
        """One executed notebook."""
        stage = ROADMAP.stages[stage_id]
        at = self.started + timedelta(minutes=stage.number)
        cells = [markdown(f"# {stage.title}"), code([record_output("client", self.client, at)], "stage.open(client)")]
        for question in stage.questions:
            outputs = [finding_output(self._finding(check, at), at) for check in question.checks]
            cells += [markdown(f"## {question.ask}"), code(outputs)]
        cells += [code([chart_output(f"{stage.title}: response times, run {n + 1}")]) for n in range(self.charts)]
        cells += [code(self.outputs.get(stage_id, []), "extra")]
        recorded = [record_output(kind, data, at) for kind, data in self.records.get(stage_id, [])]
        recorded.append(record_output("traffic", {"requests": {"acme.example": 40 + stage.number}, "blocked": []}, at))
        finished = at + timedelta(seconds=20)
        done = {"id": stage_id, "started": at.isoformat(), "finished": finished.isoformat()}
        cells.append(code([*recorded, record_output("stage", done, finished)], "stage.summary()"))
        return {"cells": cells, "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
                "nbformat": 4, "nbformat_minor": 4}  # fmt: skip

    def _finding(self, check: str, at: datetime) -> Finding:
        na = self.client.get("not_applicable") or {}
        reason = na.get(check) or na.get(check.split(".", maxsplit=1)[0])
        if reason and check not in self.verdicts:
            return declared(check, reason)
        return finding(self.verdicts.get(check) or verdict(check), ROADMAP, judged_at=at.isoformat())

    def write(self, output: Path) -> Path:
        """Write the notebooks under output/<slug>/<release> and answer that folder."""
        folder = output / self.client["slug"] / self.client["release"]
        folder.mkdir(parents=True, exist_ok=True)
        for stage in ROADMAP.stages.values():
            if stage.id not in self.leave_out:
                (folder / stage.notebook).write_text(json.dumps(self.notebook(stage.id)), encoding="utf-8")
        return folder


def failing(check: str, **more: object) -> Verdict:
    """A failure of one check."""
    rows = more.pop("evidence", [{"looked_at": "acme.example", "saw": "something wrong"}])
    return replace(failed(f"{check} is not right", evidence=rows, **more), check=check)


def passing(check: str) -> Verdict:
    """A pass of one check."""
    return replace(
        passed(f"{check} is right", evidence=[{"looked_at": "acme.example", "saw": "as it should"}]), check=check
    )


def not_known(check: str) -> Verdict:
    """An unknown of one check."""
    return replace(unknown("nobody looked", needs="a look"), check=check)


def all_passing() -> dict[str, Verdict]:
    """Verdicts that make a go."""
    return {check: passing(check) for check in ROADMAP.checks}
