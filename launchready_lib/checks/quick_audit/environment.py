"""environment.missing: production defines every variable that the code needs, with a value that is one."""

from __future__ import annotations

from launchready_lib.checks import check
from launchready_lib.evidence import Row
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.sources.environments import MOST_ROWS, PRODUCTION, EnvironmentEvidence, survey
from launchready_lib.sources.variables import Read
from launchready_lib.wording import enumerated

__all__ = ["EnvironmentEvidence", "missing", "survey"]


@check("environment.missing")
def missing(evidence: EnvironmentEvidence) -> Verdict:
    """Production defines every variable that the code reads without a default, with a real value."""
    if evidence.code_files == 0:
        return unknown(
            "no code in a language whose reads are understood (JavaScript, TypeScript, Python, Ruby, PHP, Go)",
            needs="a list of needed variables by hand",
        )
    cut = [unknown(each.reason, needs=each.needs) for each in evidence.cuts]
    if not evidence.needed:
        row = {"code_files": evidence.code_files, "variables_read": len(evidence.read), "needed": 0}
        return combine(passed(f"None of {evidence.code_files} code files needs a variable", evidence=[row]), *cut)
    if PRODUCTION not in evidence.environments and not set(evidence.needed) <= set(evidence.of(PRODUCTION)):
        reason = next((gap.reason for gap in evidence.unread), "nobody said what production defines")
        rows = [_need_row(name, reads) for name, reads in evidence.needed.items()]
        needs = "repository.env_files.production, or names alone in repository.production_variables"
        return unknown(reason, needs=needs, evidence=rows[:MOST_ROWS])
    return combine(_all_defined(evidence), _all_real(evidence), *cut)


def _all_defined(evidence: EnvironmentEvidence) -> Verdict:
    defined = evidence.of(PRODUCTION)
    if gaps := {name: reads for name, reads in evidence.needed.items() if name not in defined}:
        verb = "is" if len(gaps) == 1 else "are"
        return failed(
            f"{enumerated(gaps)} {verb} read without a default and not defined for production",
            evidence=[{**_need_row(name, reads), PRODUCTION: "missing"} for name, reads in gaps.items()][:MOST_ROWS],
            about=gaps,
        )
    rows = [{**_need_row(name, reads), PRODUCTION: defined[name][0].state} for name, reads in evidence.needed.items()]
    return passed(f"Production defines all {len(rows)} variables that the code needs", evidence=rows[:MOST_ROWS])


def _all_real(evidence: EnvironmentEvidence) -> Verdict:
    """None of the variables is blank or a placeholder; where only names are known, that is unknown."""
    defined = {name: found for name, found in evidence.of(PRODUCTION).items() if name in evidence.needed}
    seen = {name: known for name, settings in defined.items() if (known := [s for s in settings if s.known])}
    if hollow := [known[0] for known in seen.values() if all(s.blank or s.placeholder for s in known)]:
        names = [setting.name for setting in hollow]
        return failed(
            f"{enumerated(names)} {'is' if len(hollow) == 1 else 'are'} blank or still a placeholder in production",
            evidence=[{"variable": s.name, PRODUCTION: s.state, "defined_in": s.source} for s in hollow][:MOST_ROWS],
            about=names,
        )
    if unseen := [name for name in defined if name not in seen]:
        return unknown(
            f"of {len(unseen)} variables only the names are known, so a blank or a placeholder would not show",
            needs="repository.env_files.production with values (they stay on this machine)",
            evidence=[{"variable": name, PRODUCTION: "set (name only)"} for name in unseen][:MOST_ROWS],
        )
    return passed("None of their values is blank or a placeholder", evidence=[{"values_looked_at": len(seen)}])


def _need_row(name: str, reads: tuple[Read, ...]) -> Row:
    where = ", ".join(f"{read.path}:{read.line}" for read in reads[:3])
    return {"variable": name, "read_in": where, "reads": len(reads)}
