"""The files of stage 2: checklist, matrix of variables, environment gate, secret scan, rotation list."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

import yaml

from launchready_lib.checks.stabilize_deployment.deploy import RollbackEvidence
from launchready_lib.checks.stabilize_deployment.drill import DrillEvidence
from launchready_lib.checks.stabilize_deployment.releasing import DeployEvidence
from launchready_lib.checks.stabilize_deployment.validated import Outcome, StartEvidence
from launchready_lib.evidence import Row
from launchready_lib.kit.model import TABLES, Delivery, Judged, Kit, KitFile, never_raising, one
from launchready_lib.kit.quoting import comment, render
from launchready_lib.paths import PACKAGE
from launchready_lib.record.findings import Finding, Status
from launchready_lib.sources.credentials import Standing
from launchready_lib.sources.credentials.values import is_secret_name, is_url_name
from launchready_lib.sources.environments import EnvironmentEvidence

if TYPE_CHECKING:
    from launchready_lib.parameters import Parameters

CHECKLIST, MATRIX, ROTATION = "deploy_checklist.md", "environment_matrix.csv", "rotation_list.md"
_LEAKS = ("secrets.tree", "secrets.history", "secrets.chat", "exposure.bundles")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MOST = 8
_LEFT_OUT = frozenset({"jwt", "basic-auth-url"})
"""Kinds that are public too often to refuse a commit for them."""
_MOST_REPEATS = 255
_PRIVATE_KEY = "-----BEGIN ([A-Z0-9]{1,12} ){0,3}PRIVATE KEY( BLOCK)?-----"
_SCAN = ("scripts/secret_scan.sh", ".githooks/pre-commit", ".github/workflows/secret-scan.yml")


@never_raising
def deploys(stage: Judged, *evidence: object) -> Kit:
    """Files and deliverables of stage 2, from its cells' evidence in any order."""
    client, judged, failures = stage.client, stage.judged, stage.failures
    settings, found = one(EnvironmentEvidence, evidence), one(DeployEvidence, evidence)
    back = one(RollbackEvidence, evidence)
    checklist = _checklist(stage, settings, found, back, one(DrillEvidence, evidence))
    files = [
        KitFile(CHECKLIST, checklist),
        *_matrix_file(settings),
        *_repository_files(settings, one(StartEvidence, evidence), failures),
        KitFile(ROTATION, _rotation(client.parameters, settings, judged), _among(_LEAKS, failures)),
    ]
    gaps = [what for what, seen in (("the repository", found), ("the way back", back)) if seen is None]
    deliveries = (_production(judged), _checklist_delivery(checklist, gaps), _matrix_delivery(settings, judged))
    return Kit(tuple(files), deliveries)


def _checklist(
    stage: Judged,
    settings: EnvironmentEvidence | None,
    found: DeployEvidence | None,
    back: RollbackEvidence | None,
    drill: DrillEvidence | None,
) -> str:
    """What to do at each deploy, from what this client's own parameters, repository and answers say."""
    p, release, failed = stage.client.parameters, stage.client.release, stage.failures
    origin = (p.site.canonical or f"https://{p.domain}").rstrip("/")

    def at(path: str) -> str:
        return path if "://" in path else f"{origin}/{path.lstrip('/')}"

    own = re.compile(rf"(?<![\w.-]){re.escape(release)}(?![\w.-])")
    return render(
        CHECKLIST,
        p=p,
        release=release,
        build_failed="build.clean" in failed,
        unlocked=failed["build.locked"].summary if "build.locked" in failed else "",
        needed=len(settings.needed) if settings is not None else 0,
        destroying=[each.path for each in found.irreversible[:_MOST]] if found is not None else [],
        by_hand=found.by_hand[:_MOST] if found is not None else (),
        pipeline=next((w for w in (found.ways if found else ()) if w.kind in ("pipeline", "platform")), None),
        deploy_command=own.sub("RELEASE", " && ".join(p.deploy.deploy_command)),
        release_url=p.site.release_url and at(p.site.release_url),
        health_url=p.site.health and at(p.site.health),
        pages=[(n, at(p.site.pages[n])) for n in ("home", "login", "dashboard", "checkout") if n in p.site.pages],
        took=drill.minutes if drill is not None else None,
        way_back=next(iter(back.ways), None) if back is not None else None,
        earlier=(p.deploy.previous_release or next((n for n, _ in back.earlier), "")) if back is not None else "",
    )


def _among(checks: tuple[str, ...], failures: Mapping[str, Finding]) -> tuple[str, ...]:
    return tuple(check for check in checks if check in failures)


def _production(judged: Mapping[str, Finding]) -> Delivery:
    """Whether production serves the intended release."""
    found = judged.get("deploy.release")
    if found is None or found.status in (Status.UNKNOWN, Status.NOT_APPLICABLE):
        reason = (found.reason if found else None) or "deploy.release was not judged"
        return Delivery("production_deployment", "unknown", {}, reason=reason)
    data = {"answer": found.summary, "seen": [dict(row) for row in found.evidence]}
    if found.status is Status.PASS:
        return Delivery("production_deployment", "made", data)
    return Delivery("production_deployment", "partial", data, found.summary)


def _checklist_delivery(text: str, gaps: list[str]) -> Delivery:
    steps: dict[str, list[str]] = {}
    for line in text.split("\n"):
        if line.startswith("## "):
            steps[line.removeprefix("## ")] = []
        elif line.startswith("- [ ] "):
            steps[list(steps)[-1]].append(line.removeprefix("- [ ] "))
    if blanks := sum(item.endswith("…") for items in steps.values() for item in items):
        gaps = [*gaps, f"{blanks} {'step' if blanks == 1 else 'steps'} that only you can fill in"]
    reason = f"it lacks {' and '.join(gaps)}" if gaps else None
    return Delivery("deploy_checklist", "partial" if gaps else "made", {**steps}, reason, CHECKLIST)


def _matrix_delivery(settings: EnvironmentEvidence | None, judged: Mapping[str, Finding]) -> Delivery:
    if settings is None or not (settings.needed or settings.settings):
        found = judged.get("environment.separated")
        reason = (found.reason if found else None) or "no variable was seen"
        return Delivery("environment_matrix", "unknown", {}, reason=reason)
    gaps = [gap.reason for gap in (*settings.unread, *settings.cuts)]
    gaps += [] if settings.environments else ["no environment's variables were given"]
    data = {"variables": _matrix(settings)}
    return Delivery("environment_matrix", "partial" if gaps else "made", data, "; ".join(gaps) or None, MATRIX)


def _matrix(settings: EnvironmentEvidence) -> list[Row]:
    """One row a variable, one column an environment; never a value."""
    return [{str(key): value for key, value in row.items()} for row in settings.frame().to_dict("records")]


def _matrix_file(settings: EnvironmentEvidence | None) -> Iterator[KitFile]:
    if rows := _matrix(settings) if settings is not None else []:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(rows[0])
        for row in rows:
            cells = [comment(str(value)) for value in row.values()]
            writer.writerow(f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells)
        yield KitFile(MATRIX, text.getvalue())


def _repository_files(
    settings: EnvironmentEvidence | None, starts: StartEvidence | None, failures: Mapping[str, Finding]
) -> Iterator[KitFile]:
    """What is copied into the client's repository."""
    leaks = _among(("secrets.tree", "secrets.history"), failures)
    for name in _SCAN:
        text = render(f"repository/{name}", patterns=patterns())
        yield KitFile(f"repository/{name}", text, leaks if name == _SCAN[1] else ())
    names = needed(settings, starts)
    if settings is None or not names:
        return
    gate = f"validate_env.{language(settings)}"
    fixes = _among(("environment.validated", "environment.missing"), failures)
    yield KitFile(f"repository/scripts/{gate}", render(f"repository/scripts/{gate}", names=names), fixes)
    yield KitFile("repository/README.md", render("repository/README.md", gate=gate, number=len(names)))


def needed(settings: EnvironmentEvidence | None, starts: StartEvidence | None) -> list[str]:
    """The variables without which a deploy should fail: all that the app itself reads without a default."""
    beside = {start.without for start in starts.of(Outcome.BESIDE)} if starts is not None else set()
    return sorted(set(settings.needed) - beside) if settings is not None else []


def language(settings: EnvironmentEvidence) -> str:
    """The suffix of the gate, in the language in which most variables are read; the shell's for any other."""
    suffixes = (read.path.rpartition(".")[2].lower() for reads in settings.needed.values() for read in reads)
    counted = Counter(TABLES["gates"].get(suffix, "sh") for suffix in suffixes)
    return counted.most_common(1)[0][0] if counted else "sh"


def _rotation(p: Parameters, settings: EnvironmentEvidence | None, judged: Mapping[str, Finding]) -> str:
    """Every secret with its owner, place, last rotation and steps; what leaked comes first."""
    known = {entry.name for entry in p.secrets_inventory}
    read = sorted(settings.needed) if settings is not None else []
    unlisted = [name for name in read if name not in known and (is_secret_name(name) or is_url_name(name))]
    rows = [
        (e.name, e.owner or "nobody named", e.stored_in or "?", str(e.rotated_on or "never noted"), e.steps or "?")
        for e in p.secrets_inventory
    ]
    rows += [(name, "nobody named", "?", "never noted", "?") for name in unlisted]
    return render(ROTATION, leaks=list(_leaked(judged)), rows=rows, unlisted=len(unlisted))


def _leaked(judged: Mapping[str, Finding]) -> Iterator[tuple[str, ...]]:
    seen = set()
    for check in _LEAKS:
        finding = judged.get(check)
        for row in finding.evidence if finding is not None and finding.status is Status.FAIL else ():
            if row.get("standing") == str(Standing.SECRET) and row.get("fingerprint") not in seen:
                seen.add(row.get("fingerprint"))
                yield tuple(str(row.get(key) or "?") for key in ("what", "provider", "where", "revoke"))


@cache
def patterns() -> tuple[dict[str, str], ...]:
    """Every kind of secret of data/credentials.yaml that one line can show: its name in words, and what finds it."""
    entries = yaml.safe_load((PACKAGE / "data" / "credentials.yaml").read_text(encoding="utf-8"))
    return tuple(
        {
            "name": f"{entry['provider']}: {entry['what']}",
            "pattern": _PRIVATE_KEY if key == "private-key" else _extended(entry["pattern"]),
        }
        for key, entry in entries.items()
        if entry.get("standing", "secret") == "secret" and key not in _LEFT_OUT
    )


def _extended(pattern: str) -> str:
    """One of the table's patterns in POSIX syntax (IEEE 1003.1, 9.4): groups, classes, bounds of at most 255."""
    host = pattern.find("@(?P<host>")
    text = pattern if host < 0 else pattern[:host] + r"@[^\s]"
    text = re.sub(r"\(\?:|\(\?P<\w+>", "(", text).replace(r"\d", "[0-9]").replace(r"\"", '"')
    text = re.sub(r"\{(\d+),(\d+)\}", lambda m: f"{{{m[1]},{min(int(m[2]), _MOST_REPEATS)}}}", text)
    text = re.sub(r"\[[^\]]*\]", lambda m: m[0].replace(r"\s", "[:space:]"), text).replace(r"\s", "[[:space:]]")
    return text.replace("{B}", "(^|[^0-9A-Za-z_])").replace("{E}", "([^0-9A-Za-z_]|$)")
