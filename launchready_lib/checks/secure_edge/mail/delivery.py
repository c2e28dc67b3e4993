"""A real password-reset message: asked for as a member would, taken from the inbox, seen as a receiver sees it."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from launchready_lib.checks.secure_edge.mail import dmarc_discovery, inbox, message, signatures, spf_result
from launchready_lib.checks.secure_edge.mail.inbox import InboxError
from launchready_lib.checks.secure_edge.mail.message import Message
from launchready_lib.checks.secure_edge.mail.signatures import Signature
from launchready_lib.evidence import Row, Unavailable, probe
from launchready_lib.names.hosts import public_hosts
from launchready_lib.network import Network, normal
from launchready_lib.site import forms, steps, web

if TYPE_CHECKING:
    from launchready_lib.client import Client

WITHIN_S = 60.0
_RESET_WORDS = ("reset", "forgot", "passw", "recover", "kennwort", "send", "link")


@dataclass(frozen=True)
class Spf:
    """What SPF says of the address that handed the message over; `domain` is the one it was asked for."""

    result: str
    domain: str
    aligned: bool


@dataclass(frozen=True)
class Delivery:
    """What became of one password-reset message.

    Attributes:
        seconds: from asking to its arrival; None where nothing came within `WITHIN_S`.
        message: the message; None where nothing came.
        received_at: when it was taken from the inbox.
        signatures: its DKIM signatures with what verifying them gave, and whether each is aligned with From.
        spf: None where nobody recorded who handed it over.
        policy: the DMARC policy that applies to the From domain.
        hosts: the client's own public hosts, the canonical one first.
    """

    seconds: float | None
    hosts: tuple[str, ...]
    message: Message | None = None
    received_at: dt.datetime | None = None
    signatures: tuple[tuple[Signature, bool], ...] = ()
    spf: Spf | None = None
    policy: str | None = None

    def rows(self) -> list[Row]:
        """What was seen, without anything personal: only domains, hosts and results."""
        if self.message is None:
            return [{"seen": "no message", "waited_s": WITHIN_S}]
        found = self.message
        rows: list[Row] = [
            {"seen": "arrival", "value": f"after {self.seconds:.1f} s"},
            {"seen": "From", "value": ", ".join(found.from_domains) or "no domain"},
            {"seen": "Message-ID", "value": ", ".join(found.id_domains) or "none"},
            {"seen": "Date", "value": ", ".join(d.isoformat() for d in found.dates) or "none"},
            {"seen": "text", "value": _kinds(found)},
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
        told = ", ".join(f"{method}={result}" for method, result in found.results)
        rows.append({"seen": "Authentication-Results", "value": told or "none"})
        return rows

    def frame(self) -> pd.DataFrame:
        """One row per thing seen."""
        return pd.DataFrame(self.rows())


def _kinds(found: Message) -> str:
    kinds = [name for name, present in (("plain", found.plain), ("HTML", found.html)) if present]
    return " and ".join(kinds) or "none"


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
        raw = await inbox.arrival(box, before, account.email, within_s=WITHIN_S)
    except InboxError as error:
        return inbox.unreadable(error)
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
            return Unavailable(
                "no form that asks for an address was found on the reset page", "flows.password_reset (its steps)"
            )
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
    told = [f for f in found if any(word in f"{f.words} {f.action}".lower() for word in _RESET_WORDS)]
    return next(iter(told or found), None)


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
                return Unavailable(
                    f"the reset could not be asked for: {error}", "working steps in flows.password_reset"
                )
    return None


async def _looked_at(client: Client, raw: bytes, seconds: float, hosts: tuple[str, ...]) -> Delivery:
    network = client.network
    found = message.read(raw)
    author = found.from_domains[0] if found.from_domains else ""
    signed, spf, policy = await asyncio.gather(
        signatures.verify(network, raw), _spf(network, found, author), _discovered(network, author)
    )
    aligned = await asyncio.gather(*(_aligned(network, each.domain, author) for each in signed))
    return Delivery(
        seconds,
        hosts,
        message=found,
        received_at=dt.datetime.now(dt.UTC),
        signatures=tuple(zip(signed, aligned, strict=True)),
        spf=spf,
        policy=policy.policy if policy else None,
    )


async def _discovered(network: Network, domain: str) -> dmarc_discovery.Discovery | None:
    return await dmarc_discovery.discover(network, domain, existing=True) if domain else None


async def _aligned(network: Network, domain: str, author: str) -> bool:
    """Whether a domain speaks for the author's (RFC 9989 section 4.4): the same, or relaxed and one organization."""
    if not domain or not author:
        return False
    if domain == author:
        return True
    own, other = await asyncio.gather(_discovered(network, author), _discovered(network, domain))
    return own is not None and other is not None and own.organizational == other.organizational


async def _spf(network: Network, found: Message, author: str) -> Spf | None:
    if found.client is None:
        return None
    sender = found.sender if found.sender and "@" in found.sender else f"postmaster@{found.helo}"
    domain = normal(sender.rpartition("@")[2])
    if not domain:
        return None
    told = await spf_result.evaluate(network, found.client, sender, found.helo)
    return Spf(told.result, domain, await _aligned(network, domain, author))
