"""The reset message: inboxes on loopback, messages written down, and Harbor Club's own."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import re
from dataclasses import replace

import certificates
import pytest
import web_server
from audited import AUTHORIZED, client_for
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.checks.secure_edge import mail
from launchready_lib.checks.secure_edge.mail import inbox, message
from launchready_lib.checks.secure_edge.mail.delivery import Delivery, Spf
from launchready_lib.checks.secure_edge.mail.message import Link
from launchready_lib.checks.secure_edge.mail.signatures import Signature
from launchready_lib.evidence import Unavailable
from launchready_lib.record.findings import Status

pytestmark = pytest.mark.anyio

NOW = dt.datetime(2026, 11, 24, 6, tzinfo=dt.UTC)
RAW = b"""Return-Path: <bounces+ann@mail.acme.example>
Delivered-To: ann@inbox.example
Received: by 10.1.2.3 with LMTP; Tue, 24 Nov 2026 06:00:02 +0000
Authentication-Results: mx.inbox.example; dkim=pass (2048 bits; x=y) header.d=acme.example;
 spf=pass smtp.mailfrom=mail.acme.example; dmarc=pass (p=none) header.from=acme.example
Received: from out.mailer.example (out.mailer.example [198.51.100.9])
 by mx.inbox.example with ESMTPS; Tue, 24 Nov 2026 06:00:01 +0000
Received: from app (app.internal [10.0.0.4]) by out.mailer.example; Tue, 24 Nov 2026 06:00:00 +0000
Authentication-Results: elsewhere.example; spf=fail
From: "Acme, Inc." <hello@Acme.example>
To: Ann <ann@inbox.example>
Subject: Reset your password
Date: Tue, 24 Nov 2026 06:00:00 +0000
Message-ID: <1@acme.example>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Choose a new one: https://acme.example/reset?token=3Ds3cr3t=
-more, soon.
--b
Content-Type: text/html

<head><title>123456</title></head><p>Hello <a href="https://acme.example/reset?token=s3cr3t-more">new one</a>
<a href="mailto:hello@acme.example">us</a> <a href="https://social.example/acme">we</a>
--b--
"""


def test_a_message_is_read_as_a_receiver_sees_it():
    found = message.read(RAW)
    assert found.from_domains == ("acme.example",)
    assert (found.id_domains, found.dates) == (("acme.example",), (NOW,))
    assert (found.plain, found.html, found.code, found.about_password) == (True, True, False, True)
    assert found.links == (Link("https", "acme.example"), Link("https", "social.example"))
    assert (found.client, found.helo, found.inside) == ("198.51.100.9", "out.mailer.example", False)
    assert found.results == (("dkim", "pass"), ("spf", "pass"), ("dmarc", "pass"))
    assert message.recipients(RAW) == {"ann@inbox.example"}


@given(st.binary(max_size=500))
def test_any_bytes_are_read(noise):
    message.read(noise)
    message.read(RAW.replace(b"Subject", noise + b"\nSubject"))
    message.recipients(noise)


def seen(**changes) -> Delivery:
    spf = Spf("pass", "mail.acme.example", aligned=True)
    signed = ((Signature("acme.example", "s1", "rsa-sha256", "pass"), True),)
    given_ = {"message": message.read(RAW), "received_at": NOW, "signatures": signed, "spf": spf}
    return Delivery(1.0, ("acme.example", "www.acme.example"), **(given_ | changes))


def told(**changes) -> Delivery:
    return seen(message=replace(message.read(RAW), **changes))


LOST = ((Signature("acme.example", "s1", "rsa-sha256", "temperror", "its key could not be looked up"), True),)
FOREIGN = ((Signature("mailer.example", "s1", "rsa-sha256", "pass"), False),)
BROKEN = ((Signature("acme.example", "s1", "rsa-sha256", "fail", "the text was altered"), True),)
BARE = replace(message.read(RAW), results=())


@pytest.mark.parametrize(
    "found",
    [
        seen(),
        seen(signatures=()),
        seen(spf=Spf("fail", "x.example", aligned=False)),
        seen(spf=None),
        seen(signatures=BROKEN, spf=None),
        told(links=(), code=True),
    ],
    ids=["both", "SPF alone", "DKIM alone", "nobody recorded the sender", "the receiver's word", "a code, no link"],
)
def test_a_message_that_is_not_junked_passes(found):
    verdict = mail.delivered(found)
    assert verdict.status is Status.PASS, verdict
    assert len({str(row) for row in verdict.evidence}) == len(verdict.evidence), "no row stands there twice"


@pytest.mark.parametrize("host", ["staging.acme.example", "click.acme.example"])
def test_a_link_to_a_name_of_the_clients_that_is_not_declared_is_unknown(host):
    verdict = mail.delivered(told(links=(Link("https", host),)))
    assert verdict.status is Status.UNKNOWN
    assert f"the link leads to {host}, which is neither acme.example nor declared" in verdict.reason
    assert mail.delivered(told(links=(Link("https", host), Link("https", "acme.example")))).status is Status.PASS


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Delivery(None, ("acme.example",)), "no password-reset message arrived within 60 s"),
        (seen(signatures=(), spf=None, message=BARE), "no DKIM signature; no header tells who handed it over"),
        (seen(signatures=FOREIGN, spf=Spf("pass", "m.example", aligned=False), message=BARE), "is not aligned"),
        (seen(signatures=BROKEN, spf=Spf("softfail", "acme.example", aligned=True), message=BARE), "altered"),
        (told(from_domains=("a.example", "b.example")), "one From"),
        (told(id_domains=()), "one Message-ID"),
        (told(dates=(), date_fields=1), "one Date"),
        (told(dates=(NOW - dt.timedelta(hours=20),)), "its Date is 20 hours off"),
        (told(plain=False), "only HTML"),
        (told(links=(Link("http", "acme.example"),)), "without encryption"),
        (told(links=(Link("https", "localhost"),)), "the link leads to localhost, not to acme.example"),
        (told(links=(Link("http", "test.acme.example"),)), "leads to test.acme.example without encryption"),
        (told(links=()), "neither a link nor a code"),
    ],
)
def test_what_has_a_message_junked_fails(found, words):
    verdict = mail.delivered(found)
    assert verdict.status is Status.FAIL, verdict
    assert words in verdict.summary


@pytest.mark.parametrize(
    ("found", "needs"),
    [
        (seen(signatures=LOST, spf=None, message=BARE), "a second run"),
        (seen(signatures=(), spf=Spf("temperror", "acme.example", aligned=True), message=BARE), "a second run"),
        (
            seen(signatures=(), spf=None, message=replace(BARE, client=None, inside=True)),
            "mail.inbox at a mail provider",
        ),
        (Unavailable("the inbox could not be read", "a working mail.inbox"), "a working mail.inbox"),
    ],
    ids=["key lost", "SPF lost", "it never left the network", "no inbox"],
)
def test_what_could_not_be_seen_is_unknown(found, needs):
    verdict = mail.delivered(found)
    assert verdict.status is Status.UNKNOWN, verdict
    assert needs in verdict.needs


def row(found, name):
    return next(each for each in found.rows() if each["seen"] == name)


def test_what_was_seen_is_shown_without_anything_personal():
    found = seen(signatures=(*BROKEN, *FOREIGN))
    assert [row(found, name)["value"] for name in ("arrival", "From", "Message-ID", "Date", "text", "links")] == [
        "after 1.0 s",
        "acme.example",
        "acme.example",
        "2026-11-24T06:00:00+00:00",
        "plain and HTML",
        "https://acme.example, https://social.example",
    ]
    assert row(found, "DKIM signature")["value"] == "s1 of acme.example, rsa-sha256"
    assert row(found, "SPF")["value"] == "198.51.100.9 for mail.acme.example"
    assert row(found, "Authentication-Results")["value"] == "dkim=pass, spf=pass, dmarc=pass"
    bare = told(from_domains=(), id_domains=(), dates=(), plain=False, html=False, links=(), results=())
    bare = replace(bare, signatures=(), spf=None)
    assert [each["value"] for each in bare.rows()[1:]] == ["no domain", *["none"] * 6]
    unnamed = row(seen(signatures=((Signature("", "", "", "fail"), False),)), "DKIM signature")
    assert (unnamed["value"], unnamed["detail"]) == ("? of ?, ?", None)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (seen(), "passing DKIM of acme.example and SPF in alignment"),
        (seen(signatures=BROKEN), "passing SPF in alignment"),
        (seen(signatures=((Signature("acme.example", "a", "b", "pass"), False),)), "passing SPF in alignment"),
        (seen(spf=Spf("pass", "x.example", aligned=False)), "passing DKIM of acme.example in alignment"),
        (seen(spf=Spf("softfail", "acme.example", aligned=True)), "passing DKIM of acme.example in alignment"),
        (seen(signatures=FOREIGN, spf=Spf("pass", "x.example", aligned=False)), "passing at its receiver"),
        (seen(signatures=(*FOREIGN, *told().signatures), spf=None), "passing DKIM of acme.example in alignment"),
    ],
)
def test_a_pass_says_what_passed(found, words):
    assert words in mail.delivered(found).summary
    alone = mail.delivered(replace(found, message=BARE))
    assert (alone.status is Status.PASS) is ("in alignment" in words)


@pytest.mark.parametrize(
    ("signed", "spf", "words"),
    [
        (FOREIGN, None, "the signature of mailer.example is not aligned; no header tells who handed it over"),
        (BROKEN, None, "the signature of acme.example: the text was altered; no header"),
        (((Signature("", "s", "a", "fail", "odd"), False),), None, "the signature of no domain: odd"),
        ((), Spf("softfail", "a.example", aligned=True), "SPF of a.example says softfail for the address that sent it"),
        ((), Spf("fail", "a.example", aligned=False), "SPF of a.example says fail"),
        ((), Spf("pass", "a.example", aligned=False), "its bounce address is of a.example, which is not aligned"),
        ((*FOREIGN, *BROKEN), None, "mailer.example is not aligned; the signature of acme.example: the text"),
    ],
)
def test_a_failure_says_why_neither_passes(signed, spf, words):
    found = seen(signatures=signed, spf=spf, message=BARE)
    verdict = mail.delivered(found)
    assert verdict.status is Status.FAIL
    assert words in verdict.summary
    assert ("no DKIM signature" in verdict.summary) is not signed


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (seen(signatures=(*LOST, *BROKEN), spf=None, message=BARE), Status.UNKNOWN),
        (seen(signatures=(), spf=None, message=replace(BARE, inside=True)), Status.UNKNOWN),
        (seen(signatures=FOREIGN, spf=None, message=replace(BARE, inside=True)), Status.FAIL),
        (seen(signatures=(), spf=Spf("fail", "a", aligned=True), message=replace(BARE, inside=True)), Status.FAIL),
        (seen(signatures=BROKEN, spf=None, message=replace(BARE, results=(("dmarc", "fail"),))), Status.FAIL),
    ],
)
def test_a_look_up_lost_or_a_message_from_inside_is_unknown_only_where_nothing_else_decides(found, status):
    assert mail.delivered(found).status is status


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"from_fields": 2}, "one From"),
        ({"from_domains": ()}, "one From"),
        ({"id_domains": ("",)}, "one Message-ID"),
        ({"id_domains": ("a", "b")}, "one Message-ID"),
        ({"date_fields": 2}, "one Date"),
        ({"date_fields": 0, "dates": ()}, "one Date"),
        ({"dates": (NOW - dt.timedelta(hours=12, seconds=1),)}, "its Date is 12 hours off"),
        ({"dates": (NOW + dt.timedelta(hours=13),)}, "its Date is 13 hours off"),
        ({"dates": (NOW - dt.timedelta(hours=5_000),)}, "its Date is 5000 hours off"),
        ({"dates": (NOW - dt.timedelta(hours=12),)}, None),
        ({"plain": False, "html": False}, "holds no text"),
        ({"plain": True, "html": False}, None),
        ({"links": (Link("http", "social.example"), Link("https", "www.acme.example"))}, None),
        (
            {"links": (Link("https", "acme.example"), Link("http", "click.acme.example"))},
            "to click.acme.example without",
        ),
        ({"links": (Link("https", "social.example"),), "code": True}, "to social.example, not to acme.example"),
        ({"links": (Link("https", "notacme.example"),)}, "to notacme.example, not to acme.example"),
        (
            {"links": (Link("https", "www.a.acme.example"), Link("https", "social.example"))},
            "to www.a.acme.example, which",
        ),
    ],
)
def test_headers_text_and_links_are_judged_at_their_boundaries(changes, words):
    verdict = mail.delivered(told(**changes))
    assert (verdict.status is Status.PASS) is (words is None)
    assert (words or "") in verdict.summary


def test_without_its_time_of_arrival_no_date_is_off():
    assert mail.delivered(replace(told(dates=(NOW - dt.timedelta(days=9),)), received_at=None)).status is Status.PASS


class TestInboxes:
    @pytest.mark.parametrize("kind", ["maildir", "eml"])
    async def test_a_folder_gives_what_is_new(self, kind, tmp_path):
        place = tmp_path / "new" if kind == "maildir" else tmp_path
        (tmp_path / "cur").mkdir() if kind == "maildir" else None
        place.mkdir(exist_ok=True)
        ending = "" if kind == "maildir" else ".eml"
        (place / f"1{ending}").write_bytes(b"old")
        box = inbox.Folder(tmp_path, pause=0.01)
        before = await box.listing()
        if kind == "maildir":
            (place / "1").rename(tmp_path / "cur" / "1:2,S")  # read meanwhile, which makes it no newer
        for name, content in (("2", RAW.replace(b"ann@", b"bob@")), ("3", b"garbage\xff"), ("4", RAW)):
            (place / f"{name}{ending}").write_bytes(content)
        (place / f"5{ending}").symlink_to("/etc/passwd")
        assert await inbox.arrival(box, before, "Ann@inbox.example", within_s=20) == RAW

    async def test_a_message_about_something_else_is_taken_only_at_the_end(self, tmp_path):
        other = RAW.replace(b"password", b"order").replace(b"reset", b"shop").replace(b"Reset", b"Your")
        (tmp_path / "1.eml").write_bytes(other)
        box = inbox.Folder(tmp_path, pause=0.01)
        assert await inbox.arrival(box, (), "ann@inbox.example", within_s=0.1) == other
        assert await inbox.arrival(box, {"1.eml"}, "ann@inbox.example", within_s=0.1) is None

    async def test_mailpit_is_asked_as_a_service_of_the_parameters(self):
        def answer(request):
            if request.target.startswith("/api/v1/messages?"):
                return web_server.json(json.dumps({"messages": [{"ID": "a/b"}]}))
            return web_server.Reply(200, RAW.decode()) if request.target == "/api/v1/message/a%2Fb/raw" else None

        async with web_server.web_server(answer) as server:
            given_ = {"inbox": {"mailpit": f"http://{server.http}/"}}
            async with client_for("127.0.0.1:1", mail=given_) as client:
                box = inbox.of(client)
                assert await box.listing() == {"a/b"}
                assert await box.read("a/b") == RAW
                with pytest.raises(inbox.InboxError):
                    await box.read("gone")

    @pytest.mark.parametrize("body", ["{}", "[1]", "<html>", '{"messages": 7}', '{"messages": [1]}', "[" * 5000])
    async def test_another_answer_than_mailpits_is_said(self, body):
        async with (
            web_server.web_server(lambda _: web_server.json(body)) as server,
            client_for("127.0.0.1:1", mail={"inbox": {"mailpit": f"http://{server.http}"}}) as client,
        ):
            with pytest.raises(inbox.InboxError, match="not Mailpit's"):
                await inbox.of(client).listing()

    async def test_a_mailbox_over_imap_is_only_looked_at(self, tmp_path):
        async with imap(tmp_path) as (client, commands):
            box = inbox.of(client)
            assert await box.listing() == {"4", "7"}
            assert await box.read("7") == RAW
            assert await box.read("1:*") is None
        assert not [each for each in commands if re.search(r"STORE|EXPUNGE|SELECT|DELETE", each)]
        assert any("EXAMINE" in each for each in commands)

    @pytest.mark.parametrize(
        ("behaviour", "words"),
        [("refuse", "did not take the login"), ("hang up", "connection failed"), ("noise", "did not take|failed")],
    )
    async def test_a_mailbox_that_does_not_open_says_why_without_the_password(self, behaviour, words, tmp_path):
        async with imap(tmp_path, behaviour) as (client, _):
            with pytest.raises(inbox.InboxError, match=words) as told_:
                await inbox.of(client).listing()
        assert "s3cret" not in str(told_.value)

    async def test_an_untrusted_mailbox_never_gets_the_password(self, tmp_path):
        async with imap(tmp_path, trusted=False) as (client, commands):
            with pytest.raises(inbox.InboxError, match="no trusted encryption"):
                await inbox.of(client).listing()
        assert commands == []

    @pytest.mark.parametrize(
        ("given_", "needs"),
        [
            ({}, "mail.inbox"),
            ({"inbox": {"maildir": "nowhere"}}, "mail.inbox.maildir"),
            (
                {"inbox": {"imap": {"host": "i.example", "user": "u", "password": "${NOT_SET_ANYWHERE}"}}},
                "NOT_SET_ANYWHERE",
            ),
        ],
        ids=["none", "no such folder", "no password"],
    )
    async def test_what_is_missing_to_open_it_is_named(self, given_, needs):
        async with client_for("127.0.0.1:1", mail=given_) as client:
            assert needs in inbox.of(client).needs


@contextlib.asynccontextmanager
async def imap(folder, behaviour="work", *, trusted=True):
    """A client whose inbox is a small IMAP server over TLS; yields it and the commands that came."""
    ca = certificates.issue("Acme Test CA", ca=True)
    leaf = certificates.issue("imap.acme.example", ca, names=["imap.acme.example"])
    commands: list[str] = []
    visits: list[asyncio.Task[None]] = []

    async def serve(reader, writer):
        visits.append(asyncio.current_task())
        with contextlib.suppress(OSError):
            await talk(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def talk(reader, writer):
        writer.write(b"\xff\xfe garbage\r\n" if behaviour == "noise" else b"* OK ready\r\n")
        while behaviour != "hang up" and (line := await reader.readline()):
            tag, _, command = line.decode("latin-1").strip().partition(" ")
            commands.append(command)
            upper = command.upper()
            if upper.startswith("CAPABILITY"):
                writer.write(b"* CAPABILITY IMAP4rev1\r\n")
            elif upper.startswith("LOGIN") and behaviour == "refuse":
                writer.write(f"{tag} NO {command}\r\n".encode())
                continue
            elif upper.startswith("EXAMINE"):
                writer.write(b"* 2 EXISTS\r\n")
            elif upper.startswith("UID SEARCH"):
                writer.write(b"* SEARCH 4 7\r\n")
            elif upper.startswith("UID FETCH 7"):
                writer.write(b"* 2 FETCH (UID 7 BODY[]<0> {%d}\r\n" % len(RAW) + RAW + b")\r\n")
            writer.write(f"{tag} OK done\r\n".encode())

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certificates.context(folder, leaf))
    (folder / "ca.pem").write_bytes(ca.pem)
    port = server.sockets[0].getsockname()[1]
    network = {"timeout_s": 5.0, **({"ca_file": str(folder / "ca.pem")} if trusted else {})}
    given_ = {"imap": {"host": "imap.acme.example", "user": "ann", "password": "${INBOX}"}}
    client = client_for(
        "127.0.0.1:1", {"imap.acme.example:993": f"127.0.0.1:{port}"}, mail={"inbox": given_}, network=network
    )
    client.environment = {"INBOX": "s3cret"}
    async with server, client:
        yield client, commands
        await asyncio.gather(*visits)


async def test_without_the_permission_nothing_is_asked(tmp_path):
    async with client_for(
        "127.0.0.1:1", authorization=AUTHORIZED, mail={"inbox": {"maildir": str(tmp_path)}}
    ) as client:
        verdict = mail.delivered(await mail.delivery(client))
    assert verdict.status is Status.UNKNOWN
    assert verdict.needs == "authorization.allow: [mail]"


@pytest.mark.world
async def test_harbor_clubs_reset_arrives_and_leaves_nothing_of_it_behind(harbor):
    found = await mail.delivery(harbor)
    verdict = mail.delivered(found)
    assert verdict.status is Status.PASS, verdict
    everything = f"{found!r} {verdict!r} {found.frame().to_string()}"
    (newest,) = [
        each.read_text()
        for each in sorted(
            (harbor.path(harbor.parameters.mail.inbox.maildir) / "new").iterdir(), key=lambda f: f.stat().st_mtime
        )
    ][-1:]
    token = re.search(r"token=([\w-]+)", newest)[1]
    assert token not in everything
    assert harbor.parameters.accounts.member.email not in everything


@pytest.mark.world
async def test_what_the_app_sends_by_itself_is_junked(world, harbor):
    world.only("mail.delivered")
    verdict = mail.delivered(await mail.delivery(harbor))
    assert verdict.status is Status.FAIL
    assert "no DKIM signature; SPF of harborclub.example says fail" in verdict.summary
