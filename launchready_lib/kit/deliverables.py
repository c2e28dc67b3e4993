"""What stage 3 leaves behind, told from its answers and files: mail records, edge protections, domain and TLS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from launchready_lib.checks.secure_edge.mail import MailEvidence
from launchready_lib.checks.secure_edge.tls import TlsEvidence
from launchready_lib.checks.secure_edge.tls.evidence import row as tls_row
from launchready_lib.evidence import Row
from launchready_lib.kit.model import Delivery
from launchready_lib.record.findings import Finding, Status

MAIL = ("mail.spf", "mail.dkim", "mail.dmarc", "mail.transport")
TLS = ("tls.certificate", "tls.protocols", "tls.issuance")
_STATES = {Status.PASS: "in force", Status.UNKNOWN: "not known", Status.NOT_APPLICABLE: "not applicable"}


def of(
    judged: Mapping[str, Finding],
    files: Sequence[tuple[str, tuple[str, ...]]],
    tls: TlsEvidence | None,
    mail: MailEvidence | None,
) -> tuple[Delivery, ...]:
    """The three deliverables; files: name in kit/ and the checks that it fixes."""
    protections = [check for check in judged if check.split(".")[0] in ("edge", "headers")]
    hosts = [] if tls is None else [tls_row(host, tls.now) for host in tls.hosts]
    records = [] if mail is None else _published(mail)
    return (
        _delivery("domain_and_tls", TLS, judged, files, {"hosts": hosts}),
        _delivery("mail_records", MAIL, judged, files, {"published": records}),
        _delivery("edge_protections", protections, judged, files, {}),
    )


def _delivery(
    name: str,
    checks: Iterable[str],
    judged: Mapping[str, Finding],
    files: Sequence[tuple[str, tuple[str, ...]]],
    data: dict[str, Any],
) -> Delivery:
    """Made where all is in force or ready to paste, partial where some is not, unknown where nothing was seen."""
    found = [judged[check] for check in checks if check in judged]
    if all(finding.status is Status.UNKNOWN for finding in found):
        reasons = dict.fromkeys(finding.reason for finding in found if finding.reason)
        return Delivery(name, "unknown", {}, reason="; ".join(reasons) or "none of its checks was judged")
    rows = [_row(finding, [file for file, fixes in files if finding.check in fixes]) for finding in found]
    open_ = [str(row["what"]) for row in rows if row["state"] in ("to do", "not known")]
    reason = f"not in force and without a file: {', '.join(open_)}" if open_ else None
    first = next((file for file, fixes in files if any(f.check in fixes for f in found)), None)
    status: Literal["made", "partial", "unknown"] = "partial" if open_ else "made"
    return Delivery(name, status, {"protections": rows, **data}, reason, first)


def _row(finding: Finding, files: list[str]) -> Row:
    state = _STATES.get(finding.status) or ("ready to paste" if files else "to do")
    return {"what": finding.title, "state": state, "files": ", ".join(f"kit/{file}" for file in files) or None}


def _published(mail: MailEvidence) -> list[Row]:
    """Every record that stands in DNS now."""
    rows: list[Row] = []
    for each in mail.domains:
        rows += [{"name": each.domain, "record": "SPF", "published": text} for text in each.spf.records]
        if each.dmarc.record is not None:
            where = f"_dmarc.{each.dmarc.record.domain}"
            rows.append({"name": where, "record": "DMARC", "published": each.dmarc.record.text})
    keys = [key for signing in mail.dkim for key in signing.keys if key.record]
    rows += [{"name": key.name, "record": "DKIM", "published": key.record} for key in keys]
    return rows
