"""environment.separated: no environment holds another's secret, database or live key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from launchready_lib.checks import check
from launchready_lib.evidence import Row
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.sources.environments import ASIDE, MOST_ROWS, PRODUCTION, EnvironmentEvidence, survey
from launchready_lib.sources.variables import COMPOSE, Setting
from launchready_lib.wording import enumerated

__all__ = ["EnvironmentEvidence", "separated", "survey"]

_UNGUARDED = frozenset({"development", *ASIDE})  # among themselves these may share what opens nothing of worth


@check("environment.separated")
def separated(evidence: EnvironmentEvidence) -> Verdict:
    """No environment has another's secret, database or live key."""
    live = (s for s in evidence.settings if s.is_live and s.environment not in (PRODUCTION, COMPOSE))
    outside = [_row([each], [each.environment], f"a live key sits in {each.environment}") for each in live]
    faults = [*_shared(evidence), *outside]
    if faults:
        names = dict.fromkeys(str(fault["variable"]) for fault in faults)
        return failed(
            f"{enumerated(names)}: {'; '.join(dict.fromkeys(str(fault['fault']) for fault in faults))}",
            evidence=faults[:MOST_ROWS],
            about=names,
        )
    with_values = sorted({s.environment for s in evidence.settings if s.known and s.environment not in ASIDE})
    if PRODUCTION not in with_values or len(with_values) < 2:
        seen = f"only {with_values[0]} was given with values" if with_values else "no environment was given with values"
        reason = next((gap.reason for gap in evidence.unread if "env_files" in gap.needs), seen)
        return unknown(reason, needs="repository.env_files for production and at least one other environment")
    variables = Counter(setting.environment for setting in evidence.settings)
    secrets = Counter(setting.environment for setting in evidence.settings if setting.is_secret)
    rows = [
        {"environment": name, "variables": number, "secrets": secrets[name], "shared_with_another": 0}
        for name, number in variables.items()
    ]
    values_unread = [gap for gap in evidence.unread if "production_variables" not in gap.needs]
    return combine(
        passed(f"{enumerated(with_values)} share no secret, database or live key", evidence=rows),
        *(unknown(gap.reason, needs=gap.needs) for gap in values_unread),
    )


def _shared(evidence: EnvironmentEvidence) -> Iterator[Row]:
    for kind, word in (("digest", "secret"), ("database", "database")):
        groups: dict[str, list[Setting]] = {}
        for setting in evidence.settings:
            mark = getattr(setting, kind)
            if mark and (kind == "database" or setting.is_secret or setting.is_live):
                groups.setdefault(mark, []).append(setting)
        for same in groups.values():
            environments = list(dict.fromkeys(setting.environment for setting in same))
            if len(environments) > 1 and not _UNGUARDED.issuperset(environments):
                others = [environment for environment in environments if environment != PRODUCTION]
                fault = f"{' and '.join(environments)} share one {word}"
                if PRODUCTION in environments and _UNGUARDED.issuperset(others):
                    article = "an" if others[0] == "example" else "a"
                    fault = f"a production {word} sits in {article} {others[0]} file"
                yield _row(same, environments, fault)


def _row(same: list[Setting], environments: list[str], fault: str) -> Row:
    return {
        "variable": ", ".join(dict.fromkeys(setting.name for setting in same)),
        "fault": fault,
        "environments": ", ".join(environments),
        "sources": ", ".join(dict.fromkeys(setting.source for setting in same)),
    }
