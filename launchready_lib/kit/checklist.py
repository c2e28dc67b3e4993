"""The checklist for a deploy, from what this client's own parameters, repository and answers say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from launchready_lib.checks.stabilize_deployment.deploy import RollbackEvidence
from launchready_lib.checks.stabilize_deployment.drill import DrillEvidence
from launchready_lib.checks.stabilize_deployment.releasing import DeployEvidence
from launchready_lib.kit.quoting import comment
from launchready_lib.parameters import Parameters
from launchready_lib.record.findings import Finding, Status
from launchready_lib.sources.environments import EnvironmentEvidence

_MOST = 8


@dataclass(frozen=True)
class Seen:
    """What the stage's cells saw; None where a probe had nothing."""

    deploys: DeployEvidence | None = None
    back: RollbackEvidence | None = None
    drill: DrillEvidence | None = None
    settings: EnvironmentEvidence | None = None


def sections(parameters: Parameters, release: str, judged: Mapping[str, Finding], seen: Seen) -> dict[str, list[str]]:
    """Heading -> steps, in the order of a deploy; every step is one line."""
    return {
        "Before": list(_before(parameters, judged, seen)),
        "Deploy": list(_deploy(parameters, release, seen)),
        "After": list(_after(parameters)),
        "If it goes wrong": list(_back(parameters, release, seen)),
    }


def markdown(name: str, release: str, steps: Mapping[str, list[str]]) -> str:
    """The checklist as a document with boxes to tick."""
    lines = [f"# Deploy checklist of {comment(name)}", ""]
    lines += [f"Made by the audit of release {comment(release)}; copy it for each deploy.", ""]
    for heading, items in steps.items():
        lines += [f"## {heading}", "", *(f"- [ ] {item}" for item in items), ""]
    return "\n".join(lines)


def code(text: str) -> str:
    """A command, path or name as Markdown shows it, on one line."""
    return f"`{comment(text.replace('`', ' '))}`"


def _before(p: Parameters, judged: Mapping[str, Finding], seen: Seen) -> Iterator[str]:
    if p.repository.build:
        commands = " && ".join(p.repository.build)
        state = {Status.PASS: "", Status.FAIL: " (it failed in this audit: mend that first)"}
        finding = judged.get("build.clean")
        yield f"A fresh clone builds: {code(commands)}{state.get(finding.status, '') if finding else ''}"
    else:
        yield "A fresh clone builds with the commands that you write down here: …"
    locked = judged.get("build.locked")
    if locked is not None and locked.status is Status.FAIL:
        yield f"Lock files are up to date (they were not in this audit: {comment(locked.summary)})"
    else:
        yield "Lock files are committed together with what they lock"
    if seen.settings is not None and seen.settings.needed:
        number = len(seen.settings.needed)
        yield f"Production has every variable that the app needs ({number} now); the kit's validate_env tells"
    else:
        yield "Production has every new variable that this release needs"
    destroying = seen.deploys.irreversible if seen.deploys is not None else ()
    if destroying:
        named = ", ".join(code(each.path) for each in destroying[:_MOST])
        yield f"A backup of the database was made and read back: these migrations cannot be undone: {named}"
    else:
        yield "If a migration destroys something, a backup of the database was made and read back first"


def _deploy(p: Parameters, release: str, seen: Seen) -> Iterator[str]:
    for row in (seen.deploys.by_hand if seen.deploys is not None else ())[:_MOST]:
        yield f"By hand, until it is automated: {comment(str(row['step_by_hand']))} ({code(str(row['where']))})"
    ways = seen.deploys.ways if seen.deploys is not None else ()
    pipeline = next((way for way in ways if way.kind in ("pipeline", "platform")), None)
    if pipeline is not None:
        starts = f" on {comment(pipeline.starts)}" if pipeline.starts else ""
        yield f"{comment(pipeline.name)} deploys{starts} ({code(pipeline.where)}): wait until it is green"
    if p.deploy.deploy_command:
        own = re.compile(rf"(?<![\w.-]){re.escape(release)}(?![\w.-])")
        command = own.sub("RELEASE", " && ".join(p.deploy.deploy_command))
        yield f"{'Or by command' if pipeline else 'Run'}: {code(command)}"
    if pipeline is None and not p.deploy.deploy_command:
        yield "Deploy with the one command or button that you write down here: …"


def _after(p: Parameters) -> Iterator[str]:
    origin = p.site.canonical or f"https://{p.domain}"
    if p.site.release_url:
        yield f"{code(_whole(origin, p.site.release_url))} names the new release"
    else:
        yield "The site names the new release (it has no address for that yet: add one, such as /version)"
    if p.site.health:
        yield f"{code(_whole(origin, p.site.health))} answers 200"
    for page in ("home", "login", "dashboard", "checkout"):
        if page in p.site.pages:
            yield f"Open {page}: {code(_whole(origin, p.site.pages[page]))}"
    channels = [alert.to for alert in p.monitoring.alerts]
    where = f" in {', '.join(code(each) for each in channels)}" if channels else ""
    yield f"For ten minutes no alert{where} and no new error in the log"


def _back(p: Parameters, release: str, seen: Seen) -> Iterator[str]:
    took = seen.drill.minutes if seen.drill is not None else None
    timed = f" (in the drill it took {took:.1f} minutes)" if took is not None else " (not tried in this audit)"
    if p.deploy.rollback_command:
        yield f"Go back at once, look for the cause later: {code(' && '.join(p.deploy.rollback_command))}{timed}"
    elif seen.back is not None and seen.back.ways:
        way = seen.back.ways[0]
        yield f"Go back at once, look for the cause later: {comment(way.what)} ({code(way.where)})"
    else:
        yield "There is no way back yet: write one down here before the next deploy: …"
    earlier = p.deploy.previous_release or next((name for name, _ in seen.back.earlier), "") if seen.back else ""
    if earlier and earlier != release:
        yield f"At this audit the release to go back to was {code(earlier)}; name it anew with each deploy"
    yield "The data that the new release has changed does not go back with the code: look at it before you try again"


def _whole(origin: str, path: str) -> str:
    return path if "://" in path else f"{origin.rstrip('/')}/{path.lstrip('/')}"
