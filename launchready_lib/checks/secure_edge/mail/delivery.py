"""Whether a real password-reset message, asked for as a member would, arrives as a mail that is not junked."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.mail import dmarc_discovery, inbox, message, signatures, spf_tree
from launchready_lib.checks.secure_edge.mail.inbox import InboxError
from launchready_lib.checks.secure_edge.mail.message import Message
from launchready_lib.checks.secure_edge.mail.signatures import Signature
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names.hosts import public_hosts, under
from launchready_lib.network import Network, normal
from launchready_lib.record.findings import Verdict, combine_as, failed, passed, unknown
from launchready_lib.site import forms, steps, web
from launchready_lib.wording import listed

if TYPE_CHECKING:
    from launchready_lib.client import Client

_WITHIN_S = 60.0
_CLOCKS = dt.timedelta(hours=12)
_RESET_WORDS = ("reset", "forgot", "passw", "recover", "kennwort", "send", "link")


@dataclass(frozen=True)
class Spf:
    """What SPF says of the address that handed the message over; `domain` is the one it was asked for."""

    result: str
    domain: str
    aligned: bool


@dataclass(frozen=True)
class Delivery(Evidence):
    """What became of one password-reset message.

    Attributes:
        seconds: from asking to its arrival; None where nothing came within `_WITHIN_S`.
        message: the message; None where nothing came.
        received_at: when it was taken from the inbox.
        signatures: its DKIM signatures with what verifying them gave, and whether each is aligned with From.
        spf: None where nobody recorded who handed it over.
        hosts: the client's own public hosts, the canonical one first.
    """

    seconds: float | None
    hosts: tuple[str, ...]
    message: Message | None = None
    received_at: dt.datetime | None = None
    signatures: tuple[tuple[Signature, bool], ...] = ()
    spf: Spf | None = None

    def rows(self) -> list[Row]:
        """What was seen, without anything personal: only domains, hosts and results."""
        if self.message is None:
            return [{"seen": "no message", "waited_s": _WITHIN_S}]
        found = self.message
        rows: list[Row] = [
            {"seen": "arrival", "value": f"after {self.seconds:.1f} s"},
            {"seen": "From", "value": ", ".join(found.from_domains) or "no domain"},
            {"seen": "Message-ID", "value": ", ".join(found.id_domains) or "none"},
            {"seen": "Date", "value": ", ".join(d.isoformat() for d in found.dates) or "none"},
            {"seen": "text", "value": " and ".join(["plain"] * found.plain + ["HTML"] * found.html) or "none"},
            {"seen": "links", "value": ", ".join(f"{link.scheme}://{link.host}" for link in found.links) or "none"},
        ]
        rows += [
            {
                "seen": "DKIM signature",
                "value": f"{each.selector or '?'} of {each.domain or '?'}, {each.algorithm or '?'}",
                "result": each.result,
                "aligned": aligned,
                "detail": each.detail or None,
            }
            for each, aligned in self.signatures
        ] or [{"seen": "DKIM signature", "value": "none"}]
        if self.spf is not None:
            value = f"{found.client} for {self.spf.domain}"
            rows.append({"seen": "SPF", "value": value, "result": self.spf.result, "aligned": self.spf.aligned})
        recorded = ", ".join(f"{method}={result}" for method, result in found.results)
        return [*rows, {"seen": "Authentication-Results", "value": recorded or "none"}]

    def of(self, *names: str) -> list[Row]:
        """The rows of these names."""
        return [row for row in self.rows() if row["seen"] in names]


@probe
async def delivery(client: Client) -> Delivery | Unavailable:
    """Ask for a password reset of the member's test account and take the message from the inbox, within a minute.

    The account's password stays: the link is neither followed nor kept.
    """
    if no := client.forbidden("mail"):
        return no
    account = client.parameters.accounts.member
    if account is None:
        return Unavailable("no test account for a member is given", "accounts.member (email, password)")
    box = inbox.of(client)
    if isinstance(box, Unavailable):
        return box
    try:
        before = await box.listing()
        if unasked := await _ask(client, account.email):
            return unasked
        started = asyncio.get_running_loop().time()
        raw = await inbox.arrival(box, before, account.email, within_s=_WITHIN_S)
    except InboxError as error:
        return Unavailable(f"the inbox could not be read: {error}", "a working mail.inbox")
    hosts = tuple(dict.fromkeys((normal(web.host_of(web.origin(client))), *public_hosts(client.parameters))))
    if raw is None:
        return Delivery(None, hosts)
    return await _looked_at(client, raw, asyncio.get_running_loop().time() - started, hosts)


async def _ask(client: Client, address: str) -> Unavailable | None:
    """Ask for a reset by the form of site.pages.reset, or by the declared steps up to the link; None where done."""
    if client.parameters.flows.password_reset:
        return await _walk(client, address)
    page = web.page(client, "reset")
    if isinstance(page, Unavailable):
        return page
    async with client.network.session() as session:
        opened = await session.request("GET", page, verify=True, follow=3)
        if unseen := web.why_unseen(page, opened):
            return unseen
        form = _form(forms.read(opened.text, opened.url))
        if form is None or form.user is None:
            reason = "no form that asks for an address was found on the reset page"
            return Unavailable(reason, "flows.password_reset (its steps)")
        origin = f"https://{web.host_of(opened.url)}"
        sent = await session.request(
            "POST",
            form.action,
            form=form.filled(**{form.user.name: address}),
            headers={"Referer": opened.url, "Origin": origin},
            verify=True,
            follow=3,
            paced=False,
        )
    if sent.ok and (sent.status or 0) < 400:
        return None
    if sent.ok:
        return Unavailable(f"the reset form answered {sent.status}", "a reset form that takes the test account")
    return web.why_unseen(form.action, sent)


def _form(page: forms.Page) -> forms.Form | None:
    """The form that takes an address and no password; of several the one that speaks of it."""
    found = [f for f in page.forms if not f.passwords and f.method == "post" and f.user is not None and f.user.name]
    named = [f for f in found if any(word in f"{f.words} {f.action}".lower() for word in _RESET_WORDS)]
    return next(iter(named or found), None)


async def _walk(client: Client, address: str) -> Unavailable | None:
    declared = client.parameters.flows.password_reset
    until = next((n for n, step in enumerate(declared) if "{link}" in step.model_dump_json()), len(declared))
    async with client.network.browser() as browser:
        if isinstance(browser, Unavailable):
            return browser
        async with browser.context() as context, client.network.session() as session:
            walk = steps.Walk(client, await context.new_page(), session, {"email": address})
            try:
                await steps.walk(declared[:until], walk)
            except steps.StepFailedError as error:
                reason = f"the reset could not be asked for: {error}"
                return Unavailable(reason, error.needs or "working steps in flows.password_reset")
    return None


async def _looked_at(client: Client, raw: bytes, seconds: float, hosts: tuple[str, ...]) -> Delivery:
    network, found = client.network, message.read(raw)
    author = found.from_domains[0] if found.from_domains else ""
    signed, spf = await asyncio.gather(signatures.verify(network, raw), _spf(network, found, author))
    aligned = await asyncio.gather(*(_aligned(network, each.domain, author) for each in signed))
    received_at = dt.datetime.now(dt.UTC)
    return Delivery(seconds, hosts, found, received_at, tuple(zip(signed, aligned, strict=True)), spf)


async def _aligned(network: Network, domain: str, author: str) -> bool:
    """Whether a domain speaks for the author's (RFC 9989 section 4.4): the same, or relaxed and one organization."""
    if not domain or not author or domain == author:
        return bool(domain and author)
    own, other = await asyncio.gather(
        *(dmarc_discovery.discover(network, each, existing=True) for each in (author, domain))
    )
    return own.organizational == other.organizational


async def _spf(network: Network, found: Message, author: str) -> Spf | None:
    if found.client is None:
        return None
    sender = found.sender if found.sender and "@" in found.sender else f"postmaster@{found.helo}"
    domain = normal(sender.rpartition("@")[2])
    if not domain:
        return None
    evaluated = await spf_tree.evaluate(network, found.client, sender, found.helo)
    return Spf(evaluated.result, domain, await _aligned(network, domain, author))


@check("mail.delivered")
def delivered(found: Delivery) -> Verdict:
    """The message arrives with SPF or DKIM in alignment (RFC 9989), whole headers, plain text and links of its own."""
    rows, seen = found.rows(), found.message
    if seen is None or found.seconds is None:
        text = f"no password-reset message arrived within {_WITHIN_S:g} s"
        fix = (
            "Look into the mail provider's log for the test account's address: was the message handed over, held "
            "back or refused? Check that mail.inbox is where the account's mail really arrives."
        )
        return failed(text, evidence=rows, fix=fix, about=("arrival",))
    passing = f"a password-reset message arrived after {found.seconds:.1f} s, {_by(found)}, as mail that is not junked"
    return combine_as(passing, _authenticated(found), *(judge(found, seen) for judge in (_headers, _text, _links)))


def _by(found: Delivery) -> str:
    ways = [f"DKIM of {s.domain}" for s, aligned in found.signatures if aligned and s.result == "pass"]
    if found.spf and found.spf.aligned and found.spf.result == "pass":
        ways.append("SPF")
    return f"passing {listed(dict.fromkeys(ways))} in alignment" if ways else "passing at its receiver"


def _authenticated(found: Delivery) -> Verdict:
    """SPF or DKIM passes for the domain in From, as measured here or as the receiver's own server recorded."""
    rows, spf = found.of("arrival", "DKIM signature", "SPF", "Authentication-Results"), found.spf
    signed = any(aligned and each.result == "pass" for each, aligned in found.signatures)
    if signed or (spf is not None and spf.aligned and spf.result == "pass"):
        return passed("SPF or DKIM passes in alignment", evidence=rows)
    if found.message and dict(found.message.results).get("dmarc") == "pass":
        return passed("the receiver recorded that DMARC passes", evidence=rows)
    lost = any(each.result == "temperror" for each, _ in found.signatures)
    if lost or (spf is not None and spf.result == "temperror"):
        reason = "whether the message is authenticated could not be told: its DNS did not answer"
        return unknown(reason, needs="a second run once the sender's DNS answers", evidence=rows)
    if spf is None and not found.signatures and found.message and found.message.inside:
        reason = "the message never left its own network, so nobody saw what a mail provider would see"
        return unknown(reason, needs="mail.inbox at a mail provider, reached by the real sending way", evidence=rows)
    text = f"the message passes neither SPF nor DKIM for its From domain: {_why(found)}"
    return failed(text, evidence=rows, about=("authentication",))


def _why(found: Delivery) -> str:
    reasons = []
    for each, aligned in found.signatures:
        name = f"the signature of {each.domain or 'no domain'}"
        if each.result != "pass":
            reasons.append(f"{name}: {each.detail}")
        elif not aligned:
            reasons.append(f"{name} is not aligned")
    if not found.signatures:
        reasons.append("it carries no DKIM signature")
    if found.spf is None:
        reasons.append("no header tells who handed it over")
    elif found.spf.result != "pass":
        reasons.append(f"SPF of {found.spf.domain} says {found.spf.result} for the address that sent it")
    else:
        reasons.append(f"its bounce address is of {found.spf.domain}, which is not aligned")
    return "; ".join(reasons)


def _headers(found: Delivery, seen: Message) -> Verdict:
    rows = found.of("From", "Message-ID", "Date")
    wrong = []
    if seen.from_fields != 1 or len(seen.from_domains) != 1:
        wrong.append("it must have one From with one address")
    if len(seen.id_domains) != 1 or not seen.id_domains[0]:
        wrong.append("it must have one Message-ID")
    if seen.date_fields != 1 or not seen.dates:
        wrong.append("it must have one Date that can be read")
    elif found.received_at and abs(found.received_at - seen.dates[0]) > _CLOCKS:
        hours = round(abs(found.received_at - seen.dates[0]).total_seconds() / 3600)
        wrong.append(f"its Date is {hours} hours off")
    if wrong:
        fix = (
            "Let the mail library set From, Message-ID and Date (RFC 5322 section 3.6), and correct the server's clock"
        )
        return failed(f"headers would have it junked: {listed(wrong)}", evidence=rows, fix=fix, about=("headers",))
    return passed("From, Message-ID and Date are in order", evidence=rows)


def _text(found: Delivery, seen: Message) -> Verdict:
    if seen.plain:
        return passed("it has a plain-text part", evidence=found.of("text"))
    what = "only HTML" if seen.html else "no text"
    fix = "Send the same words as text/plain beside the HTML (multipart/alternative)"
    return failed(f"the message holds {what}", evidence=found.of("text"), fix=fix, about=("text",))


def _links(found: Delivery, seen: Message) -> Verdict:
    rows, canonical = found.of("links"), found.hosts[0]
    own = [link for link in seen.links if link.host in found.hosts]
    beside = [link for link in seen.links if link not in own and any(under(link.host, h) for h in found.hosts)]
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
    if seen.links:
        text = f"the link leads to {listed(sorted({link.host for link in seen.links}))}, not to {canonical}"
        fix = f"Link to https://{canonical} itself; switch the mail provider's click tracking off for these messages"
        return failed(text, evidence=rows, fix=fix, about=("links",))
    if seen.code:
        return passed("it brings a code in place of a link", evidence=rows)
    return failed("the message holds neither a link nor a code", evidence=rows, about=("links",))
