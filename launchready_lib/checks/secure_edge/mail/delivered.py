"""Whether a real password-reset message arrives, is authenticated, and looks like one that is not junked."""

from __future__ import annotations

import datetime as dt

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.mail.delivery import WITHIN_S, Delivery
from launchready_lib.checks.secure_edge.mail.message import Message
from launchready_lib.evidence import Row
from launchready_lib.names.hosts import under
from launchready_lib.record.findings import Verdict, combine_as, failed, passed, unknown
from launchready_lib.wording import listed

_CLOCKS = dt.timedelta(hours=12)


@check("mail.delivered")
def delivered(found: Delivery) -> Verdict:
    """The message arrives with SPF or DKIM in alignment (RFC 9989), whole headers, plain text and links of its own."""
    rows = found.rows()
    message = found.message
    if message is None or found.seconds is None:
        summary = f"no password-reset message arrived within {WITHIN_S:g} s"
        return failed(
            summary,
            evidence=rows,
            fix="Look into the mail provider's log for the test account's address: was the message handed over, held "
            "back or refused? Check that mail.inbox is where the account's mail really arrives.",
            about=("arrival",),
        )
    passing = f"a password-reset message arrived after {found.seconds:.1f} s, {_by(found)}, as mail that is not junked"
    return combine_as(
        passing,
        _authenticated(found),
        _headers(found, message),
        _text(found, message),
        _links(found, message),
    )


def _seen(found: Delivery, *names: str) -> list[Row]:
    """The rows of these names."""
    return [row for row in found.rows() if row["seen"] in names]


def _by(found: Delivery) -> str:
    ways = [f"DKIM of {s.domain}" for s, aligned in found.signatures if aligned and s.result == "pass"]
    if found.spf and found.spf.aligned and found.spf.result == "pass":
        ways.append("SPF")
    return f"passing {listed(dict.fromkeys(ways))} in alignment" if ways else "passing at its receiver"


def _authenticated(found: Delivery) -> Verdict:
    """SPF or DKIM passes for the domain in From, as measured here or as the receiver's own server recorded."""
    rows, spf = _seen(found, "arrival", "DKIM signature", "SPF", "Authentication-Results"), found.spf
    signed = any(aligned and each.result == "pass" for each, aligned in found.signatures)
    if signed or (spf is not None and spf.aligned and spf.result == "pass"):
        return passed("SPF or DKIM passes in alignment", evidence=rows)
    told = dict(found.message.results) if found.message else {}
    if told.get("dmarc") == "pass":
        return passed("the receiver recorded that DMARC passes", evidence=rows)
    lost = any(each.result == "temperror" for each, _ in found.signatures)
    if lost or (spf is not None and spf.result == "temperror"):
        reason = "whether the message is authenticated could not be told: its DNS did not answer"
        return unknown(reason, needs="a second run once the sender's DNS answers", evidence=rows)
    if spf is None and not found.signatures and found.message and found.message.inside:
        reason = "the message never left its own network, so nobody saw what a mail provider would see"
        return unknown(reason, needs="mail.inbox at a mail provider, reached by the real sending way", evidence=rows)
    return failed(
        f"the message passes neither SPF nor DKIM for its From domain: {_why(found)}",
        evidence=rows,
        about=("authentication",),
    )


def _why(found: Delivery) -> str:
    reasons = []
    for each, aligned in found.signatures:
        name = f"the signature of {each.domain or 'no domain'}"
        reasons.append(f"{name}: {each.detail}" if each.result != "pass" else f"{name} is not aligned")
        if aligned and each.result == "pass":
            reasons.pop()
    if not found.signatures:
        reasons.append("it carries no DKIM signature")
    if found.spf is None:
        reasons.append("no header tells who handed it over")
    elif found.spf.result != "pass":
        reasons.append(f"SPF of {found.spf.domain} says {found.spf.result} for the address that sent it")
    else:
        reasons.append(f"its bounce address is of {found.spf.domain}, which is not aligned")
    return "; ".join(reasons)


def _headers(found: Delivery, message: Message) -> Verdict:
    rows = _seen(found, "From", "Message-ID", "Date")
    wrong = []
    if message.from_fields != 1 or len(message.from_domains) != 1:
        wrong.append("it must have one From with one address")
    if len(message.id_domains) != 1 or not message.id_domains[0]:
        wrong.append("it must have one Message-ID")
    if message.date_fields != 1 or not message.dates:
        wrong.append("it must have one Date that can be read")
    elif found.received_at and abs(found.received_at - message.dates[0]) > _CLOCKS:
        hours = round(abs(found.received_at - message.dates[0]).total_seconds() / 3600)
        wrong.append(f"its Date is {hours} hours off")
    if wrong:
        fix = (
            "Let the mail library set From, Message-ID and Date (RFC 5322 section 3.6), and correct the server's clock"
        )
        return failed(f"headers would have it junked: {listed(wrong)}", evidence=rows, fix=fix, about=("headers",))
    return passed("From, Message-ID and Date are in order", evidence=rows)


def _text(found: Delivery, message: Message) -> Verdict:
    if message.plain:
        return passed("it has a plain-text part", evidence=_seen(found, "text"))
    what = "only HTML" if message.html else "no text"
    fix = "Send the same words as text/plain beside the HTML (multipart/alternative)"
    return failed(f"the message holds {what}", evidence=_seen(found, "text"), fix=fix, about=("text",))


def _links(found: Delivery, message: Message) -> Verdict:
    rows, canonical = _seen(found, "links"), found.hosts[0]
    own = [link for link in message.links if link.host in found.hosts]
    beside = [link for link in message.links if link not in own and any(under(link.host, h) for h in found.hosts)]
    plain = sorted({link.host for link in (*own, *beside) if link.scheme != "https"})
    if plain:
        text = f"a link in the message leads to {listed(plain)} without encryption"
        fix = f"Build the link from https://{canonical}, not from the address that the app hears"
        return failed(text, evidence=rows, fix=fix, about=("links",))
    if own:
        return passed(f"its links lead to {listed(sorted({link.host for link in own}))} over HTTPS", evidence=rows)
    if beside:
        hosts = listed(sorted({link.host for link in beside}))
        reason = f"the link leads to {hosts}, which is neither {canonical} nor declared: a test site, or a tracker"
        needs = "site.subdomains with that host, or click tracking switched off for these messages"
        return unknown(reason, needs=needs, evidence=rows)
    if message.links:
        text = f"the link leads to {listed(sorted({link.host for link in message.links}))}, not to {canonical}"
        fix = f"Link to https://{canonical} itself; switch the mail provider's click tracking off for these messages"
        return failed(text, evidence=rows, fix=fix, about=("links",))
    if message.code:
        return passed("it brings a code in place of a link", evidence=rows)
    return failed("the message holds neither a link nor a code", evidence=rows, about=("links",))
