"""secrets.chat: a credential in an export fails with channel and day, and nobody's name or words come out."""

import io
import json
import struct
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.checks.stabilize_deployment import chats
from launchready_lib.client import Client
from launchready_lib.evidence import Unavailable
from launchready_lib.parameters import load
from launchready_lib.record.findings import Status
from launchready_lib.sources import chats as exported
from launchready_lib.sources.chats import Export, read
from launchready_lib.sources.credentials import Credential, Standing, engine, fingerprint
from launchready_lib.sources.credentials.inside import Left, inside, open_zip
from tests.checkouts import noise
from tests.planted import live, token, zipped

CONTENT = {"name": "Acme", "domain": "acme.example", "release": "1.0"}
KEY = live("chat")
TALK = "here is the key for the demo, please delete"


def said(text, day="1790000000.000100"):
    return {"type": "message", "user": "U02ANN", "user_profile": {"real_name": "Ann Smith"}, "text": text, "ts": day}


def slack(text, channel="general"):
    return zipped(
        {
            "users.json": json.dumps(
                [{"id": "U02ANN", "real_name": "Ann Smith", "profile": {"email": "ann@acme.example"}}]
            ),
            "channels.json": json.dumps([{"id": "C01", "name": channel}]),
            f"{channel}/2026-09-21.json": json.dumps([said("Good morning"), said(f"{TALK}: {text}")]),
        }
    )


def discord(text, kind="GuildTextChat", name="ops"):
    body = {
        "guild": {"name": "Acme"},
        "channel": {"type": kind, "name": name},
        "messages": [
            {"timestamp": "2026-09-21T10:00:00.000+00:00", "content": f"{TALK} {text}", "author": {"name": "Ann Smith"}}
        ],
    }
    return json.dumps(body).encode()


MAIL = (
    "From ann@acme.example Mon Sep 21 10:00:00 2026\nFrom: Ann Smith <ann@acme.example>\n"
    "Date: Mon, 21 Sep 2026 10:00:00 +0000\nSubject: key\nMIME-Version: 1.0\n"
    "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n{}\n\n"
)


def mailbox(text):
    encoded = __import__("base64").b64encode(f"{TALK} {text}\n".encode()).decode()
    return (MAIL.format("SGVsbG8=") + MAIL.format(encoded)).encode()


FORMS = {
    "slack.zip": (slack(KEY), "export 1, general, 2026-09-21"),
    "linked.zip": (slack(f"<https://acme.example/|link> &amp; {KEY}"), "export 1, general, 2026-09-21"),
    "discord.json": (discord(KEY), "export 1, ops, 2026-09-21"),
    "package.zip": (
        zipped({f"messages/c{'1' * 18}/messages.json": json.dumps([{"Timestamp": "2026-09-21", "Contents": KEY}])}),
        "export 1, direct message, 2026-09-21",
    ),
    "Ann Smith.txt": (f"[2026-09-21 10:00] Ann Smith: {TALK} {KEY}\n".encode(), "export 1, export 1, 2026-09-21"),
    "bytes.txt": (b"2026-09-21 \xff\xfe\x80 " + KEY.encode() + b"\n", "export 1, export 1, 2026-09-21"),
    "utf16.txt": (f"2026-09-21 {KEY}\n".encode("utf-16"), "export 1, export 1, 2026-09-21"),
    "mail.mbox": (mailbox(KEY), "export 1, mail, 2026-09-21"),
    "broken.json": (b'[{"text": "' + KEY.encode() + b'"', "export 1, export 1, day unknown"),
    "direct.json": (discord(KEY, "DirectTextChat", "Ann Smith"), "export 1, direct message, 2026-09-21"),
}  # fmt: skip


@pytest.fixture
def judged(tmp_path):
    def judge(*files, **known):
        paths = []
        for number, (name, content) in enumerate(files):
            (tmp_path / str(number)).mkdir(exist_ok=True)
            paths.append(tmp_path / str(number) / name)
            paths[-1].write_bytes(content)
        found = chats.read_exports(paths, load(CONTENT | {"repository": known}))
        return chats.chat(found), found

    return judge


@pytest.mark.parametrize("name", FORMS)
def test_a_key_is_found_in_every_kind_of_export_with_channel_and_day_alone(judged, name):
    content, place = FORMS[name]
    verdict, found = judged((name, content))
    assert verdict.status is Status.FAIL
    row = next(c for c in found.credentials if c.fingerprint == fingerprint(KEY))
    assert row.places == (place,)
    shown = json.dumps([verdict.summary, verdict.fix, verdict.evidence, found.frame().to_dict("records")])
    for private in (KEY, KEY[8:], "Ann", "Smith", "delete the", "please", "U02", "bytes.txt"):
        assert private not in shown


@pytest.mark.parametrize(
    "text",
    [
        "pk_live_" + noise(24),
        "sk_test_" + noise(24),
        "sk_live_" + "x" * 24,
        token({"role": "anon"}, "a"),
        "password: changeme",
    ],
    ids=["public", "test mode", "placeholder", "anonymous", "default"],
)
def test_what_is_no_secret_never_fails(judged, text):
    verdict, found = judged(("slack.zip", slack(text)))
    assert verdict.status is Status.PASS
    assert not [c for c in found.credentials if c.standing is Standing.SECRET]


def test_a_setting_that_somebody_pasted_is_found_by_its_name(judged):
    verdict, _ = judged(("slack.zip", slack(f"\nDB_PASSWORD={noise(24)}\n")))
    assert verdict.status is Status.FAIL
    assert "DB_PASSWORD" in verdict.evidence[0]["what"]


def test_what_the_parameters_vouch_for_is_counted_and_passes(judged):
    entry = {"fingerprint": fingerprint(KEY), "verdict": "rotated", "reason": "rolled in September"}
    verdict, _ = judged(("slack.zip", slack(KEY)), known_secrets=[entry])
    assert verdict.status is Status.PASS
    assert "1 recorded as rotated" in verdict.summary


def bomb():
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(5):
            archive.writestr(f"general/{number}.json", b"[" + b" " * 3_000_000)
    return body.getvalue()


def locked():
    content = bytearray(zipped({"general/a.json": "[]"}))
    for start in (content.find(b"PK\x03\x04") + 6, content.find(b"PK\x01\x02") + 8):
        content[start] |= 1
    return bytes(content)


def crowded(members=400_000):
    """A zip file whose list of members is all it has; opened without care it takes memory without bound."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, *[0] * 7, 1, *[0] * 6) + b"a"
    size = len(entry) * members
    zip64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, members, members, size, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, size, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return entry * members + zip64 + locator + end


def test_the_list_of_members_is_not_read_where_it_is_large():
    with open_zip(io.BytesIO(crowded(9))) as archive:
        assert len(archive.infolist()) == 9
    with pytest.raises(ValueError, match="list of members"):
        open_zip(io.BytesIO(crowded()))
    assert [type(part) for part in inside("a.zip", crowded())] == [Left]


HOSTILE = {
    "crowded.zip": (crowded(), "it cannot be read (ValueError)"),
    "bomb.zip": (bomb(), "limit of files, bytes or time"),
    "nested.zip": (zipped({"a/b.zip": "PK"}), "an archive inside"),
    "locked.zip": (locked(), "RuntimeError"),
    "cut.zip": (slack(KEY)[:-40] + b"PK\x05\x06" + b"\xff" * 18, "it cannot be read"),
    "deep.json": (b"[" * 200_000, None),
    "names.zip": (zipped({"../../../etc/x.json": "[]", "/abs.json": "[]", "a\nb/c.json": "[]", "..": "x"}), None),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_export_is_bounded_and_says_what_was_not_read(judged, monkeypatch, name):
    monkeypatch.setattr(exported, "MAX_TOTAL_BYTES", 8_000_000)
    content, why = HOSTILE[name]
    verdict, found = judged((name, content))
    if why:
        assert verdict.status is Status.UNKNOWN
        assert any(why in gap["what"] for gap in found.gaps)
        assert "repository.chat_exports" in verdict.needs
    else:
        assert verdict.status in (Status.PASS, Status.UNKNOWN)


def test_one_endless_file_is_read_in_slices_and_left_when_the_time_is_up(judged, monkeypatch):
    """Ten megabytes of lines, of one line, of mails, or of one mail take the memory of a slice or two."""
    mail = b"From a@b c\nSubject: x\n\n"
    for content in (
        b"a\n" * 5_000_000,
        b"a" * 10_000_000,
        b"a\r" * 5_000_000,
        mail * 400_000,
        mail + b"a\n" * 5_000_000,
    ):
        parsed = exported._parsed("a.txt", content, "general")
        tracemalloc.start()
        first = next(parsed)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(first.text) <= 2 * exported.MAX_TEXT
        assert peak < 25_000_000
    monkeypatch.setattr(exported, "SECONDS", -1)
    verdict, found = judged(("a.txt", b"hello\n"))
    assert verdict.status is Status.UNKNOWN
    assert found.exports[0]["messages"] == 0


def test_a_name_never_leads_out_of_the_export(tmp_path):
    """A link in an unpacked export is not followed, and nothing is written anywhere."""
    (tmp_path / "outside.txt").write_text(KEY)
    folder = tmp_path / "export"
    (folder / "general").mkdir(parents=True)
    (folder / "general/2026-09-21.json").write_text(json.dumps([said("hello")]))
    (folder / "general/link.txt").symlink_to(tmp_path / "outside.txt")
    found = list(read(Export("export 1", folder)))
    assert [(m.channel, m.date) for m in found] == [("general", "2026-09-21")]


def test_an_export_that_is_not_there_or_empty_is_unknown(judged, tmp_path):
    found = chats.read_exports([tmp_path / "none.zip"], load(CONTENT))
    assert chats.chat(found).status is Status.UNKNOWN
    assert judged(("empty.txt", b""))[0].status is Status.UNKNOWN


def test_without_an_engine_the_rest_is_unknown(judged, monkeypatch):
    monkeypatch.setattr(engine, "program", lambda: None)
    assert judged(("slack.zip", slack("hello")))[0].needs == "kingfisher-bin in this environment"
    assert judged(("slack.zip", slack(KEY)))[0].status is Status.FAIL


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("given", "needs"),
    [
        ({}, "authorization"),
        (
            {"authorization": {"granted_by": "the founder", "granted_on": "2026-01-01", "hosts": ["acme.example"]}},
            "chat_exports",
        ),
    ],
)
async def test_without_an_export_or_permission_the_answer_says_what_is_missing(tmp_path, given, needs):
    async with Client.open(CONTENT | given, root=tmp_path) as client:
        found = await chats.survey(client)
    assert isinstance(found, Unavailable)
    assert needs in chats.chat(found).needs


def credential(standing=Standing.SECRET, place="export 1, ops, 2026-09-21"):
    return Credential("3f9a1c77", "sk_live_…", "Stripe", "live key", "roll it", standing, (place, "export 2"), 2)


def held(*credentials, messages=(7, 0), **more):
    exports = tuple({"export": f"export {n}", "messages": number} for n, number in enumerate(messages, 1))
    return chats.ChatEvidence(exports, credentials, **more)


@pytest.mark.parametrize(
    ("evidence", "status", "says"),
    [
        (held(), Status.PASS, "No live credential in 7 messages"),
        (held(credential(Standing.ROTATED)), Status.PASS, "No live credential in 7 messages; 1 recorded as rotated"),
        (held(messages=(0, 0)), Status.UNKNOWN, "Not known: the chat exports hold no message"),
        (held(engine=Unavailable("no engine", "kingfisher")), Status.UNKNOWN, "Not known: no engine"),
        (
            held(credential(), credential(Standing.TEST)),
            Status.FAIL,
            "1 credential stands in 7 messages (Stripe), the first in export 1, ops, 2026-09-21",
        ),
        (
            held(credential(), credential(place="export 3")),
            Status.FAIL,
            "2 credentials stand in 7 messages (Stripe), the first in export 1, ops, 2026-09-21",
        ),
    ],
    ids=["none", "vouched for", "no message", "no engine", "one", "two"],
)
def test_credentials_and_messages_are_counted_and_the_first_place_is_named(evidence, status, says):
    verdict = chats.chat(evidence)
    assert (verdict.status, verdict.summary) == (status, says)
    leaks = [row.get("standing") for row in verdict.evidence if "standing" in row]
    assert leaks == [str(each.standing) for each in evidence.credentials]


@pytest.mark.parametrize(("number", "hours"), [(1, 1.0), (2, 1.5), (40, 8.0)])
def test_the_hours_grow_with_the_credentials_up_to_a_day(number, hours):
    assert chats.chat(held(*[credential()] * number)).effort_hours == hours


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [
        ("general", "", "general"),
        ("mpdm-ann--bob-1", "", "direct message"),
        ("D01ABCDEF23", "", "direct message"),
        ("Ann Smith", "", "direct message"),
        ("ann@acme.example", "", "direct message"),
        ("ops", "DirectTextChat", "direct message"),
        ("", "", "direct message"),
        ("a\x1b[31mb", "", "a[31mb"),
    ],
)
def test_a_channels_name_is_shown_unless_it_names_people(name, kind, shown):
    assert exported.channel_name(name, kind) == shown


@given(st.binary(max_size=400))
def test_any_bytes_can_be_read(content):
    for suffix in (".json", ".txt", ".mbox", ".eml"):
        list(exported._parsed(f"a{suffix}", content, "general"))
