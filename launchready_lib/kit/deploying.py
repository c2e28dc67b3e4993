"""The files of stage 2: checklist, matrix of variables, environment gate, secret scan, rotation list."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from launchready_lib.checks.stabilize_deployment.deploy import RollbackEvidence
from launchready_lib.checks.stabilize_deployment.drill import DrillEvidence
from launchready_lib.checks.stabilize_deployment.releasing import DeployEvidence
from launchready_lib.checks.stabilize_deployment.validated import Outcome, StartEvidence
from launchready_lib.evidence import Row
from launchready_lib.kit import checklist, secret_patterns
from launchready_lib.kit.checklist import Seen, code
from launchready_lib.kit.model import Delivery, Judged, Kit, KitFile, kept_going, one
from launchready_lib.kit.quoting import comment
from launchready_lib.kit.rendering import render
from launchready_lib.record.findings import Finding, Status
from launchready_lib.sources.credentials import Standing
from launchready_lib.sources.credentials.values import is_secret_name, is_url_name
from launchready_lib.sources.environments import EnvironmentEvidence

if TYPE_CHECKING:
    from launchready_lib.parameters import Parameters

CHECKLIST, MATRIX, ROTATION = "deploy_checklist.md", "environment_matrix.csv", "rotation_list.md"
_LANGUAGES = {
    "py": "py", "js": "mjs", "jsx": "mjs", "ts": "mjs", "tsx": "mjs", "mjs": "mjs", "cjs": "mjs", "vue": "mjs",
    "svelte": "mjs", "astro": "mjs", "rb": "rb", "erb": "rb", "rake": "rb", "php": "php", "go": "go",
}  # fmt: skip
_LEAKS = ("secrets.tree", "secrets.history", "secrets.chat", "exposure.bundles")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SCAN = ("scripts/secret_scan.sh", ".githooks/pre-commit", ".github/workflows/secret-scan.yml")


@kept_going
def deploys(stage: Judged, *evidence: object) -> Kit:
    """Files and deliverables of stage 2, from its cells' evidence in any order."""
    client, judged, failures = stage.client, stage.judged, stage.failures
    settings = one(EnvironmentEvidence, evidence)
    seen = Seen(one(DeployEvidence, evidence), one(RollbackEvidence, evidence), one(DrillEvidence, evidence), settings)
    steps = checklist.sections(client.parameters, client.release, judged, seen)
    files = [
        KitFile(CHECKLIST, checklist.markdown(client.parameters.name, client.release, steps)),
        *_matrix_file(settings),
        *_repository_files(settings, one(StartEvidence, evidence), failures),
        KitFile(ROTATION, rotation(client.parameters, settings, judged), _among(_LEAKS, failures)),
    ]
    deliveries = (
        _production(judged),
        _checklist_delivery(steps, seen),
        _matrix_delivery(settings, judged),
    )
    return Kit(tuple(files), deliveries)


def _among(checks: tuple[str, ...], failures: Mapping[str, Finding]) -> tuple[str, ...]:
    return tuple(check for check in checks if check in failures)


def _production(judged: Mapping[str, Finding]) -> Delivery:
    """Whether production serves the intended release."""
    found = judged.get("deploy.release")
    if found is None or found.status in (Status.UNKNOWN, Status.NOT_APPLICABLE):
        reason = (found.reason if found else None) or "deploy.release was not judged"
        return Delivery("production_deployment", "unknown", {}, reason=reason)
    rows = [dict(row) for row in found.evidence]
    data = {"answer": found.summary, "seen": rows}
    if found.status is Status.PASS:
        return Delivery("production_deployment", "made", data)
    return Delivery("production_deployment", "partial", data, found.summary)


def _checklist_delivery(steps: dict[str, list[str]], seen: Seen) -> Delivery:
    gaps = [what for what, found in (("the repository", seen.deploys), ("the way back", seen.back)) if found is None]
    blanks = sum(item.endswith("…") for items in steps.values() for item in items)
    gaps += [f"{blanks} {'step' if blanks == 1 else 'steps'} that only you can fill in"] if blanks else []
    reason = f"it lacks {' and '.join(gaps)}" if gaps else None
    return Delivery("deploy_checklist", "partial" if gaps else "made", dict(steps), reason, CHECKLIST)


def _matrix_delivery(settings: EnvironmentEvidence | None, judged: Mapping[str, Finding]) -> Delivery:
    if settings is None or not (settings.needed or settings.settings):
        found = judged.get("environment.separated")
        reason = (found.reason if found else None) or "no variable was seen"
        return Delivery("environment_matrix", "unknown", {}, reason=reason)
    gaps = [gap.reason for gap in (*settings.unread, *settings.cuts)]
    gaps += [] if settings.environments else ["no environment's variables were given"]
    data = {"variables": matrix(settings)}
    return Delivery("environment_matrix", "partial" if gaps else "made", data, "; ".join(gaps) or None, MATRIX)


def matrix(settings: EnvironmentEvidence) -> list[Row]:
    """One row a variable, one column an environment; never a value."""
    return [{str(key): value for key, value in row.items()} for row in settings.frame().to_dict("records")]


def _matrix_file(settings: EnvironmentEvidence | None) -> Iterator[KitFile]:
    rows = matrix(settings) if settings is not None else []
    if rows:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
        yield KitFile(MATRIX, text.getvalue())


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = comment(str(value))
    return f"'{text}" if text.startswith(_FORMULA) else str(text)


def _repository_files(
    settings: EnvironmentEvidence | None, starts: StartEvidence | None, failures: Mapping[str, Finding]
) -> Iterator[KitFile]:
    """What is copied into the client's repository."""
    values = {"patterns": secret_patterns.patterns()}
    leaks = _among(("secrets.tree", "secrets.history"), failures)
    for name in _SCAN:
        yield KitFile(f"repository/{name}", render(f"repository/{name}", **values), leaks if name == _SCAN[1] else ())
    names = needed(settings, starts)
    if settings is None or not names:
        return
    gate = f"validate_env.{language(settings)}"
    text = render(f"repository/scripts/{gate}", names=names)
    yield KitFile(
        f"repository/scripts/{gate}", text, _among(("environment.validated", "environment.missing"), failures)
    )
    yield KitFile("repository/README.md", render("repository/README.md", gate=gate, number=len(names)))


def needed(settings: EnvironmentEvidence | None, starts: StartEvidence | None) -> list[str]:
    """The variables without which a deploy should fail: all that the app itself reads without a default."""
    beside = {start.without for start in starts.of(Outcome.BESIDE)} if starts is not None else set()
    return sorted(set(settings.needed) - beside) if settings is not None else []


def language(settings: EnvironmentEvidence) -> str:
    """The suffix of the gate, in the language in which most variables are read; the shell's for any other."""
    suffixes = (read.path.rpartition(".")[2].lower() for reads in settings.needed.values() for read in reads)
    counted = Counter(_LANGUAGES.get(suffix, "sh") for suffix in suffixes)
    return counted.most_common(1)[0][0] if counted else "sh"


def rotation(p: Parameters, settings: EnvironmentEvidence | None, judged: Mapping[str, Finding]) -> str:
    """Every secret with its owner, place, last rotation and steps; what leaked comes first."""
    lines = [
        "# Rotation list",
        "",
        "How: make a new value at the provider, set it at the host, deploy, then revoke the old one.",
        "",
    ]
    leaks = list(_leaked(judged))
    if leaks:
        lines += [
            "## Leaked: rotate these first",
            "",
            *_table(("what", "provider", "where it stands", "how"), leaks),
            "",
        ]
    known = {entry.name for entry in p.secrets_inventory}
    rows = [
        (
            code(e.name),
            e.owner or "nobody named",
            e.stored_in or "?",
            str(e.rotated_on or "never noted"),
            e.steps or "?",
        )
        for e in p.secrets_inventory
    ]
    read = sorted(settings.needed) if settings is not None else []
    secret = [name for name in read if name not in known and (is_secret_name(name) or is_url_name(name))]
    rows += [(code(name), "nobody named", "?", "never noted", "?") for name in secret]
    if rows:
        lines += [
            "## Every secret that the app uses",
            "",
            *_table(("secret", "owner", "stored in", "rotated on", "steps"), rows),
            "",
        ]
    else:
        lines += ["No secret is known: neither secrets_inventory nor the code names one.", ""]
    if secret:
        lines += [
            f"Of these, {len(secret)} are read by the code and missing in secrets_inventory: give each an owner.",
            "",
        ]
    return "\n".join(lines)


def _leaked(judged: Mapping[str, Finding]) -> Iterator[tuple[str, ...]]:
    seen = set()
    for check in _LEAKS:
        finding = judged.get(check)
        for row in finding.evidence if finding is not None and finding.status is Status.FAIL else ():
            if row.get("standing") == str(Standing.SECRET) and row.get("fingerprint") not in seen:
                seen.add(row.get("fingerprint"))
                yield tuple(str(row.get(key) or "?") for key in ("what", "provider", "where", "revoke"))


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(comment(cell).replace("|", "\\|") for cell in row) + " |"
