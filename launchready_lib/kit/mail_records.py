"""DNS records for mail: SPF mended, DMARC in its place, and what to copy where only the provider knows the key."""

from __future__ import annotations

from collections.abc import Container, Iterator

from launchready_lib.checks.secure_edge.mail import TransportEvidence, dmarc_discovery
from launchready_lib.checks.secure_edge.mail.dkim_keys import DkimDomain, DkimKey
from launchready_lib.checks.secure_edge.mail.dmarc_discovery import Discovery, DmarcRecord
from launchready_lib.checks.secure_edge.mail.survey import DomainMail, MailEvidence
from launchready_lib.kit import transport_records
from launchready_lib.kit.quoting import is_plain_name
from launchready_lib.kit.records import RecordSet, Removal, ZonePatch, join, of
from launchready_lib.kit.sender_records import mended
from launchready_lib.names.hosts import registered_domain, under
from launchready_lib.wording import listed

_FIRST = "v=DMARC1; p=none; rua=mailto:{address}"
_RISE = "read the reports, then raise p to quarantine and reject within some weeks"


def patches(
    mail: MailEvidence | None, ways: TransportEvidence | None, failures: Container[str], domain: str
) -> tuple[ZonePatch, ...]:
    """What to change in each zone that the From domains lie in; `domain`: the client's own."""
    found: list[ZonePatch] = []
    if mail is not None:
        found.extend(_authentication(mail, failures, domain))
    if ways is not None:
        found.extend(transport_records.patches(ways, failures, domain))
    zones = dict.fromkeys(patch.zone for patch in found if patch)
    return tuple(join(zone, f"{zone}: the records that let mail arrive", found) for zone in zones)


def _authentication(mail: MailEvidence, failures: Container[str], domain: str) -> Iterator[ZonePatch]:
    for each in mail.domains:
        zone = _zone(each.domain, domain)
        if "mail.spf" in failures:
            yield from of("mail.spf", _spf(mail, each, zone))
        if "mail.dmarc" in failures:
            yield from of("mail.dmarc", _dmarc(each.dmarc, zone))
    if "mail.dkim" in failures:
        for signing in mail.dkim:
            notes = tuple(_dkim(mail, signing))
            yield from of("mail.dkim", [ZonePatch(_zone(signing.domain, domain), "", notes=notes)])


def _zone(name: str, domain: str) -> str:
    return domain if under(name, domain) else registered_domain(name)


def _spf(mail: MailEvidence, each: DomainMail, zone: str) -> Iterator[ZonePatch]:
    record = mended(mail, each)
    if record is None or not is_plain_name(each.domain):
        return
    if not record.text:
        yield ZonePatch(zone, "", notes=(record.why,))
        return
    kept = f"; the other {len(each.spf.others)} TXT records stay" if each.spf.others else ""
    yield ZonePatch(zone, "", (RecordSet(each.domain, "TXT", (record.text, *each.spf.others), f"{record.why}{kept}"),))


def _dmarc(found: Discovery, zone: str) -> Iterator[ZonePatch]:
    """One valid policy, with reports that arrive, where receivers look."""
    if found.lost or not is_plain_name(f"_dmarc.{found.domain}"):
        return
    record, why = _policy(found)
    if record is None:
        return
    name = f"_dmarc.{found.record.domain if found.record else found.domain}"
    removals: tuple[Removal, ...] = ()
    if found.misplaced:
        removals = (Removal(f"_dmarc.{found.misplaced.domain}", "TXT", "nobody looks here"),)
    yield ZonePatch(zone, "", (RecordSet(name, "TXT", (record,), why),), removals)


def _policy(found: Discovery) -> tuple[str | None, str]:
    own = f"dmarc@{registered_domain(found.domain)}"
    if found.record is not None and not found.record.error:
        return _reporting(found, found.record, own)
    if found.misplaced and not found.misplaced.error and found.misplaced.reports:
        where = f"_dmarc.{found.misplaced.domain}"
        return (
            found.misplaced.text,
            f"DMARC of {found.domain}, moved from {where}: most panels add the domain themselves",
        )
    several = [t for answer in found.asked[:1] for t in answer.records if t.startswith("v=DMARC1")]
    valid = [t for t in several if not dmarc_discovery.parse(found.domain, t).error]
    if len(several) > 1 and valid:
        best = max(valid, key=lambda t: len(dmarc_discovery.parse(found.domain, t).reports))
        return best, f"DMARC of {found.domain}: one record in place of {len(several)}"
    return _FIRST.format(address=own), f"DMARC of {found.domain}: create the mailbox {own}, {_RISE}"


def _reporting(found: Discovery, record: DmarcRecord, own: str) -> tuple[str | None, str]:
    """The record in force with reports that reach somebody."""
    deaf = [t.address for t in found.targets if t.refuses_mail or t.mail == "NXDOMAIN" or not t.permitted]
    if found.targets and len(deaf) < len(found.targets):
        return None, ""
    tags = [tag.strip() for tag in record.text.split(";") if tag.strip()]
    kept = [tag for tag in tags if tag.partition("=")[0].strip().lower() != "rua"]
    reason = f"{listed(deaf)} takes none" if deaf else "none were asked for"
    why = f"DMARC of {record.domain}: reports to {own} ({reason}); create that mailbox, {_RISE}"
    return "; ".join([*kept, f"rua=mailto:{own}"]), why


def _dkim(mail: MailEvidence, signing: DkimDomain) -> Iterator[str]:
    """A key cannot be invented: where to copy it from, and where to."""
    declared = any(key.declared for key in signing.keys)
    for key in signing.keys:
        if key.state in ("valid", "lost") or not (key.declared or (not declared and key.state == "broken")):
            continue
        yield _copy(key, listed(mail.providers) or "your mail provider")


def _copy(key: DkimKey, provider: str) -> str:
    if key.target and key.state == "missing":
        return f'{key.name}. {key.detail}: take the CNAME that {provider} shows now for selector "{key.selector}"'
    line = f'{key.name}. 3600 IN TXT "v=DKIM1; k=rsa; p=<the key>"'
    return f"{key.name} {key.detail}: copy the whole record that {provider} shows for this selector: {line}"
