"""One audit, read back from a run's executed notebooks: they are the record, all else is derived from them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from launchready_lib import __version__
from launchready_lib.record import tally
from launchready_lib.record.answers import StageRun, answers, stage_run, why
from launchready_lib.record.findings import Decision, Finding, Status, decide, ranked
from launchready_lib.record.sheets import Sheet
from launchready_lib.record.sheets import read as read_sheet
from launchready_lib.roadmap import Roadmap, load


class AuditError(Exception):
    """A folder that holds no run; the message names it."""


@dataclass(frozen=True)
class ClientFacts:
    """What the record says of the client (the `client` record, as stage.py writes it)."""

    name: str
    slug: str
    domain: str
    release: str
    notes: str = ""
    consultant: Mapping[str, Any] | None = None
    business: Mapping[str, Any] | None = None
    authorization: Mapping[str, Any] | None = None
    compare_with: str | None = None
    not_applicable: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Note:
    """A consultant's remark on a stage."""

    stage: str
    text: str
    at: datetime | None


@dataclass(frozen=True)
class Audit:
    """Everything a report or a program needs to know of one run; `started` and `finished` are its record's ends.

    `findings` has every check of the roadmap once, as ranked; `requests` counts by host, `blocked` says what was not
    contacted and why, `kit` has texts by name, `problems` sentences about what in the record could not be read.
    """

    roadmap: Roadmap
    client: ClientFacts
    started: datetime
    finished: datetime
    findings: tuple[Finding, ...]
    decision: Decision
    bars: tuple[tally.Bar, ...]
    signals: tuple[tally.SignalState, ...]
    items: tuple[tally.SprintItem, ...]
    deliverables: tuple[tally.Deliverable, ...]
    baseline: Mapping[str, Any]
    stages: tuple[StageRun, ...]
    changes: tally.Changes | None
    notes: tuple[Note, ...]
    requests: Mapping[str, int]
    blocked: tuple[Mapping[str, Any], ...]
    kit: Mapping[str, str]
    problems: tuple[str, ...]

    @property
    def by_check(self) -> dict[str, Finding]:
        """Check id -> finding."""
        return {finding.check: finding for finding in self.findings}

    @property
    def defects(self) -> tuple[Finding, ...]:
        """Findings that are unknown because of an error of ours."""
        return tuple(finding for finding in self.findings if finding.defect)


def read(folder: Path, *, comparing: bool = True) -> Audit:
    """Read the run in output/<slug>/<release>/: its executed notebooks, and manifest.json where there is one.

    Raises `AuditError` where there is neither a notebook of the roadmap nor a manifest.
    """
    roadmap = load()
    paths = {stage.id: folder / stage.notebook for stage in roadmap.stages.values()}
    sheets = {stage: read_sheet(path) for stage, path in paths.items() if path.is_file()}
    manifest, problems = _manifest(folder)
    if not sheets and manifest is None:
        raise AuditError(f"{folder} holds no executed notebook of the roadmap (01_… to 07_…) and no manifest")
    whole = assemble(sheets, roadmap, manifest=manifest or {}, folder=folder, problems=problems)
    return _compared(whole, folder) if comparing else whole


def assemble(
    sheets: Mapping[str, Sheet],
    roadmap: Roadmap,
    *,
    manifest: Mapping[str, Any],
    folder: Path | None = None,
    problems: Iterable[str] = (),
) -> Audit:
    """Put sheets (by stage id) together into one audit, without a look at earlier releases."""
    client = _client(sheets, folder)
    own, foreign = _own(sheets, client)
    runs = tuple(stage_run(stage, own.get(stage.id), manifest) for stage in roadmap.stages.values())
    runs = tuple(replace(run, error=foreign[run.id], status="failed") if run.id in foreign else run for run in runs)
    kit = _bodies(own, "kit")
    findings, damaged = answers(own, runs, client.not_applicable or {}, roadmap)
    findings = {check: _with_files(finding, kit) for check, finding in findings.items()}
    times = [at for sheet in own.values() for at in sheet.times] + [t for run in runs for t in run.times]
    figures = tally.baseline(findings, _bodies(own, "baseline"), roadmap)
    missing = {run.id: why(run, roadmap.stages[run.id]) for run in runs if run.status != "complete"}
    requests, blocked = _traffic(own)
    return Audit(
        roadmap=roadmap,
        client=client,
        started=min(times, default=datetime.fromtimestamp(0, UTC)),
        finished=max(times, default=datetime.fromtimestamp(0, UTC)),
        findings=tuple(ranked(findings.values())),
        decision=decide(findings.values(), roadmap),
        bars=tally.minimum_bar(findings, roadmap),
        signals=tally.signals(findings, roadmap),
        items=tally.sprint_items(findings, roadmap),
        deliverables=tally.deliverables(findings, _bodies(own, "deliverable"), figures, missing, roadmap),
        baseline=figures,
        stages=runs,
        changes=None,
        notes=_notes(own, roadmap),
        requests=requests,
        blocked=blocked,
        kit={str(body.get("name")): body["text"] for body in kit if isinstance(body.get("text"), str)},
        problems=(*problems, *(p for s in sheets.values() for p in s.problems), *foreign.values(), *damaged),
    )


def findings_json(audit: Audit) -> dict[str, Any]:
    """The audit for programs, in the shape of findings.schema.json."""
    client = audit.client
    return {
        "schema": "launchready.audit/1",
        "client": {"name": client.name, "slug": client.slug, "domain": client.domain},
        "release": client.release,
        "started": audit.started.isoformat(),
        "finished": audit.finished.isoformat(),
        "tool": {"version": __version__, "roadmap": audit.roadmap.digest},
        "verdict": str(audit.decision),
        "minimum_bar": _listed(audit.bars, "id", "status", "checks"),
        "findings": [finding.to_json() for finding in audit.findings],
        "deliverables": _listed(audit.deliverables, "id", "stage", "status", "file", "reason"),
        "failure_signals": [
            {"id": s.id, "stage": s.stage, "status": s.status, "from": list(s.sources)} for s in audit.signals
        ],
        "sprint_items": _listed(audit.items, "number", "title", "status", "hours", "checks"),
        "baseline": dict(audit.baseline),
        "stages": _listed(audit.stages, "id", "notebook", "status", "seconds", "error"),
        "changes": audit.changes.to_json() if audit.changes else None,
        "notes": [
            {"stage": n.stage, "text": n.text} | ({"recorded_at": n.at.isoformat()} if n.at else {})
            for n in audit.notes
        ],
        "scope": {
            "authorized": dict(client.authorization) if client.authorization else None,
            "requests": dict(audit.requests),
            "blocked": [dict(each) for each in audit.blocked],
        },
    }


def _listed(parts: Iterable[object], *names: str) -> list[dict[str, Any]]:
    bodies = ({name: getattr(part, name) for name in names} for part in parts)
    return [{name: list(v) if isinstance(v, tuple) else v for name, v in body.items()} for body in bodies]


def _manifest(folder: Path) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    try:
        body = json.loads((folder / "manifest.json").read_bytes())
    except FileNotFoundError:
        return None, ()
    except (OSError, ValueError, RecursionError):
        return None, ("manifest.json cannot be read: the stages are judged by their notebooks alone",)
    return (body, ()) if isinstance(body, dict) else (None, ("manifest.json is not a manifest of ours",))


def _client(sheets: Mapping[str, Sheet], folder: Path | None) -> ClientFacts:
    """The newest client record; without any, what the folder's names say."""
    found = [each for sheet in sheets.values() for each in sheet.of("client")]
    body = max(found, key=lambda r: r.at or datetime.min.replace(tzinfo=UTC)).data if found else {}
    slug = _text(body.get("slug")) or (folder.resolve().parent.name if folder else "") or "client"
    return ClientFacts(
        name=_text(body.get("name")) or slug,
        slug=slug,
        domain=_text(body.get("domain")),
        release=_text(body.get("release")) or (folder.resolve().name if folder else "") or "unnamed",
        notes=_text(body.get("notes")),
        consultant=_mapping(body.get("consultant")),
        business=_mapping(body.get("business")),
        authorization=_authorization(body.get("authorization")),
        compare_with=_text(body.get("compare_with")) or None,
        not_applicable=_mapping(body.get("not_applicable")),
    )


def _authorization(body: object) -> Mapping[str, Any] | None:
    """Who granted what, as texts and lists of texts whatever the record holds."""
    if not isinstance(body, Mapping):
        return None
    facts: dict[str, Any] = {key: _text(body.get(key)) for key in ("granted_by", "granted_on")}
    lists = {key: body.get(key) for key in ("hosts", "allow")}
    return facts | {key: [str(v) for v in listed] if isinstance(listed, list) else [] for key, listed in lists.items()}


def _own(sheets: Mapping[str, Sheet], client: ClientFacts) -> tuple[dict[str, Sheet], dict[str, str]]:
    """Sheets of this client and release; of the others, by stage, a sentence why they are left out."""
    own, foreign = {}, {}
    for stage, sheet in sheets.items():
        body = sheet.latest("client") or {}
        slug, release = _text(body.get("slug")) or client.slug, _text(body.get("release")) or client.release
        if (slug, release) == (client.slug, client.release):
            own[stage] = sheet
        else:
            foreign[stage] = f"{sheet.name} is a record of {slug} {release}, not of {client.slug} {client.release}"
    return own, foreign


def _notes(sheets: Mapping[str, Sheet], roadmap: Roadmap) -> tuple[Note, ...]:
    """Remarks in the order of stages, each once, however often its cell ran."""
    notes: dict[tuple[str, str], Note] = {}
    for own_stage, sheet in sheets.items():
        for each in sheet.of("note"):
            stage, text = _text(each.data.get("stage")) or own_stage, _text(each.data.get("text")).strip()
            if text and stage in roadmap.stages:
                notes[stage, text] = Note(stage, text, each.at)
    order = list(roadmap.stages)
    return tuple(sorted(notes.values(), key=lambda note: order.index(note.stage)))


def _traffic(sheets: Mapping[str, Sheet]) -> tuple[dict[str, int], tuple[Mapping[str, Any], ...]]:
    """Requests per host over all stages (each stage's newest count), and every refusal once."""
    requests: Counter[str] = Counter()
    blocked: dict[str, Mapping[str, Any]] = {}
    for sheet in sheets.values():
        body = sheet.latest("traffic") or {}
        for host, count in (_mapping(body.get("requests")) or {}).items():
            if isinstance(count, int) and count > 0:
                requests[str(host)] += count
        for each in body.get("blocked") or () if isinstance(body.get("blocked"), list) else ():
            if isinstance(each, Mapping):
                blocked.setdefault(json.dumps(each, sort_keys=True, default=str), each)
    return dict(sorted(requests.items(), key=lambda kv: (-kv[1], kv[0]))), tuple(blocked.values())


def _compared(audit: Audit, folder: Path) -> Audit:
    """The audit with its changes since the release named in `compare_with`, or else the run before this one."""
    wanted = audit.client.compare_with
    if wanted:
        other: Path | None = folder.resolve().parent / wanted
        inside = Path(wanted).name == wanted
    else:
        other, inside = tally.earlier(folder, audit.started, lambda path: _started(path, audit.client.slug)), True
    if other is None:
        return audit
    try:
        before = read(other, comparing=False) if inside else None
    except AuditError:
        before = None
    if before is None or before.client.slug != audit.client.slug:
        lost = f"nothing to compare with: there is no record of release {wanted} of {audit.client.slug}"
        return replace(audit, problems=(*audit.problems, lost))
    found = tally.compare(audit.by_check, before.by_check, since=before.client.release, baseline=before.baseline)
    return replace(audit, changes=found)


def _started(folder: Path, slug: str) -> datetime | None:
    """When the run in a folder started; None where it holds none of this client."""
    paths = (folder / stage.notebook for stage in load().stages.values())
    sheets = (read_sheet(path, exhibits=False) for path in paths if path.is_file())
    own = (sheet for sheet in sheets if (sheet.latest("client") or {}).get("slug") == slug)
    return min((at for sheet in own for at in sheet.times), default=None)


def _bodies(sheets: Mapping[str, Sheet], kind: str) -> list[Mapping[str, Any]]:
    found = [each for sheet in sheets.values() for each in sheet.of(kind)]
    return [each.data for each in sorted(found, key=lambda r: r.at or datetime.min.replace(tzinfo=UTC))]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _with_files(finding: Finding, kit: Iterable[Mapping[str, Any]]) -> Finding:
    """A failure with the kit's files that fix it, as their records say."""
    if finding.status is not Status.FAIL:
        return finding
    lists = ((body.get("name"), body.get("fixes")) for body in kit if isinstance(body.get("text"), str))
    names = [str(name) for name, fixes in lists if isinstance(fixes, list) and finding.check in fixes]
    return replace(finding, files=tuple(dict.fromkeys((*finding.files, *names))))


def _mapping(value: object) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) else None
