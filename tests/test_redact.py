"""Nothing secret leaves: known secrets in every encoding, credentials by their form, personal data from logs."""

import base64
import html
import json
import string
import time
import urllib.parse
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib import parameters, roadmap
from launchready_lib.record.exhibits import PLOTLY_MIME
from launchready_lib.record.findings import FINDING_MIME, RECORD_MIME, Finding, Status, failed, finding
from launchready_lib.redact import Redactor, install, personal
from launchready_lib.redact.known import OVERLAP, WINDOW

SECRET = "hunter2/Canary+42&<é>"
REDACTOR = Redactor({"ACME_PASSWORD": SECRET})
MARK = "[redacted: ACME_PASSWORD]"


def encodings(secret: str) -> dict[str, str]:
    raw = secret.encode()
    quoted = urllib.parse.quote(secret, safe="")
    return {
        "raw": secret,
        "base64": base64.b64encode(raw).decode(),
        "base64 after one byte": base64.b64encode(b"a" + raw + b"tail").decode(),
        "base64 after two bytes": base64.b64encode(b"ab" + raw).decode(),
        "base64 URL-safe": base64.urlsafe_b64encode(b"user:" + raw).decode(),
        "base64 in a URL": urllib.parse.quote(base64.b64encode(raw).decode(), safe=""),
        "percent-encoded": quoted,
        "percent-encoded, small digits": "".join(f"%{b:02x}" for b in raw),
        "percent-encoded twice": urllib.parse.quote(quoted, safe=""),
        "form-encoded": urllib.parse.urlencode({"password": secret}),
        "JSON": json.dumps(secret),
        "JSON, not ASCII": json.dumps(secret, ensure_ascii=False),
        "JSON, slashes escaped": json.dumps(secret).replace("/", r"\/"),
        "JSON inside JSON": json.dumps(json.dumps(secret)),
        "HTML": html.escape(secret),
        "JSON inside HTML": html.escape(json.dumps(secret)),
        "hex": raw.hex(),
        "hex, capitals": raw.hex().upper(),
        "repr": repr({"password": secret}),
    }


@pytest.mark.parametrize("encoded", encodings(SECRET).values(), ids=encodings(SECRET))
def test_a_known_secret_is_found_in_every_encoding(encoded):
    assert MARK in REDACTOR.text(f"before {encoded} after")


@given(
    secret=st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=6, max_size=40).filter(
        lambda s: s.strip() == s and "redacted" not in s.lower()
    ),
    before=st.binary(max_size=5),
    after=st.binary(max_size=5),
)
def test_no_encoding_of_any_secret_survives(secret, before, after):
    redactor = Redactor([secret])
    assert secret not in redactor.text(f"x {secret} y")
    for text in encodings(secret).values():
        cleaned = redactor.text(text)
        assert secret not in cleaned
        assert secret not in urllib.parse.unquote(cleaned)
    coded = base64.b64encode(before + secret.encode() + after).decode()
    assert redactor.text(coded) != coded


@given(st.text(max_size=300))
def test_text_without_secrets_stays_and_redacting_twice_changes_nothing_more(text):
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


def test_the_longer_of_two_secrets_wins():
    redactor = Redactor({"SHORT": "abcdef", "LONG": "abcdef-ghijkl"})
    assert redactor.text("abcdef-ghijkl, abcdef") == "[redacted: LONG], [redacted: SHORT]"


def test_a_short_secret_goes_only_where_it_stands_alone():
    """Four letters inside other words are innocent; the run is told that they cannot be kept out everywhere."""
    redactor = Redactor({"PIN": "code"})
    assert redactor.text("code=code; decode the codes") == "[redacted: PIN]=[redacted: PIN]; decode the codes"
    assert redactor.weak == {"PIN": "is shorter than 8 characters"}


def test_one_or_two_characters_are_not_looked_for():
    assert Redactor({"A": "ab"}).text("ab cd") == "ab cd"


WORDS = ["domain", "launch", "pass", "unknown", "domain.resolves", "secure_edge", "not_applicable", "status", "table"]
WORDS += ["application/json", "complete", "parameters", "scatter", "code", "text/plain", "quick_audit", "details"]


@pytest.mark.parametrize("word", WORDS)
def test_a_secret_that_is_a_word_of_ours_leaves_the_record_whole(word):
    """Keys, ids, enums and MIME types stay, whatever the secret; evidence in which it stands alone is masked."""
    redactor = Redactor({"PIN": word})
    found = replace(
        failed(f"seen {word} there", evidence=[{"status": word, "n": 1}], about=[word]), check="domain.resolves"
    )
    body = finding(found, roadmap.load(), judged_at="2026-11-24T10:00:00.000+00:00").to_json()
    clean = redactor.value({FINDING_MIME: body, "text/html": f'<table class="{word}"><td>{word}</td></table>'})
    read = Finding.from_json(clean[FINDING_MIME])
    assert (read.check, read.stage, read.status, read.severity) == (
        "domain.resolves", "quick_audit", Status.FAIL, body["severity"],
    )  # fmt: skip
    assert (read.title, read.fingerprint, read.measured_at) == (
        body["title"], body["fingerprint"], body["measured_at"],
    )  # fmt: skip
    assert read.references == tuple(body["references"])
    assert read.evidence == ({"status": "[redacted: PIN]", "n": 1},)
    assert read.summary == "seen [redacted: PIN] there"
    assert "<td>[redacted: PIN]</td></table>" in clean["text/html"]


@pytest.mark.parametrize("word", WORDS)
def test_a_record_a_figure_and_a_notebooks_metadata_stay_readable(word):
    redactor = Redactor({"PIN": word}, public=["launch", "acme.example"])
    stage = {"kind": "stage", "data": {"id": "secure_edge", "started": "2026-11-24T10:00:00.000+00:00"}}
    client = {"kind": "client", "data": {"release": "launch", "domain": "acme.example"}}
    figure = {"data": [{"type": "scatter", "mode": "lines", "x": [1]}], "layout": {"hovermode": "closest"}}
    for mime, body in ((RECORD_MIME, stage), (RECORD_MIME, client), (PLOTLY_MIME, figure)):
        assert {**redactor.value({mime: body})[mime]} == {**body} | ({"data": body["data"]})
    metadata = {"tags": ["parameters"], "papermill": {"status": "completed", "exception": None, "duration": 1.5}}
    assert redactor.metadata(metadata) == metadata
    assert redactor.metadata({"launchready": {"ending": "complete"}}) == {"launchready": {"ending": "complete"}}


def test_a_strong_secret_is_masked_also_where_structure_is():
    """Only a word of ours is left as it is; what a notebook's own cell puts there is not."""
    body = {"check": SECRET, "status": "fail", "evidence": []}
    assert REDACTOR.value({FINDING_MIME: body})[FINDING_MIME] == {"check": MARK, "status": "fail", "evidence": []}
    assert REDACTOR.metadata({"tags": [SECRET]}) == {"tags": [MARK]}


def test_a_weak_secret_in_a_cells_source_is_one_only_in_quotes():
    source = "from launchready_lib import domain\npassword = 'domain'\n"
    clean = Redactor({"PIN": "domain"}).source(source)
    assert clean == "from launchready_lib import domain\npassword = '[redacted: PIN]'\n"


@pytest.mark.parametrize("length", range(8, len("Kq3strel-Harbour-42")))
def test_the_beginning_of_a_secret_is_masked_from_eight_characters_on(length):
    secret = "Kq3strel-Harbour-42"
    assert Redactor([secret]).text(f"it was {secret[:length]}…") == "it was [redacted: secret]…"
    assert Redactor([secret]).text(f"it was {secret[:7]}…") == f"it was {secret[:7]}…"


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("membership-Zq7v2", "membership"),
        ("membership-Zq7v2", "memberships are"),
        ("authenticate9Zq7", "authentication"),
        ("launch-rZq7v2Lp9", "launch-ready"),
        ("2026-11-24-Zq7v2", "on 2026-11-24 at"),
        ("sk_live_Zq7v2Lp9Xk3m", "sk_live_… is a key"),
        ("whsec_Zq7v2Lp9Xk3m", "whsec_ begins one"),
        ("Bearer Zq7v2Lp9Xk3m", "Bearer tokens"),
        ("harborclub-Zq7v2", "harborclub.example"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.abcdefghijklmnop", "eyJhbGciOiJIUzI1NiJ9."),
        ("postgresql://audit:Zq7v2Lp9@db.example/app", "postgresql://audit@db.example"),
        ("--------Zq7v2Lp9", "a line\n--------\nbelow"),
    ],
    ids=lambda text: text[:24],
)
def test_what_a_secret_begins_with_by_chance_stays(secret, text):
    """A word, a date, a scheme, a provider's prefix, a name that the parameters say openly."""
    assert Redactor([secret], public=["harborclub.example"]).text(text) == text


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("sk_live_Zq7v2Lp9Xk3m", "Zq7v2Lp9"),
        ("Bearer Zq7v2Lp9Xk3m", "zq7v2lp9"),
        ("base64:Zq7v2Lp9Xk3m", "Zq7v2Lp9X…"),
        ("correct-horse-battery-9", "correct-horse…"),
        ("Zq7v2Lp9Xk3m", base64.b64encode(b"Zq7v2Lp9Xk3m").decode()[:11]),
    ],
    ids=lambda text: text[:24],
)
def test_what_tells_something_of_a_secret_does_not(secret, text):
    assert Redactor([secret]).text(text).startswith("[redacted: secret]")


@pytest.mark.parametrize("cut", range(1, len(SECRET) - 8))
def test_the_end_of_a_secret_is_masked_where_the_text_was_cut_before_it(cut):
    assert REDACTOR.text(f"{SECRET[cut:]} it said") == f"{MARK} it said"
    assert REDACTOR.text(f"[77 bytes left out]\n{SECRET[cut:]}") == f"[77 bytes left out]\n{MARK}"


def test_a_secret_masked_in_part_is_masked_in_whole_where_its_pieces_come_together():
    first = REDACTOR.text(SECRET[:10])
    assert REDACTOR.text(first + SECRET[10:]) == MARK * 2


def test_a_secret_stands_in_a_long_text_wherever_a_window_ends():
    for place in (WINDOW - 10, WINDOW - OVERLAP + 3, 2 * WINDOW - OVERLAP - 5):
        text = "x" * place + SECRET + "y" * WINDOW
        assert REDACTOR.text(text) == "x" * place + MARK + "y" * WINDOW


def test_an_empty_secret_is_none():
    assert Redactor({"A": "", "B": ""}).text("as it was") == "as it was"


def test_the_password_inside_a_secret_url_is_a_secret_too():
    redactor = Redactor({"DATABASE_URL": "postgresql://audit:s3cret%2Fpw@db.example/app"})
    assert redactor.text("authentication failed for s3cret/pw") == "authentication failed for [redacted: DATABASE_URL]"


def test_every_line_of_a_secret_key_is_a_secret():
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcwggSj\n-----END KEY-----"
    assert "9w0BAQEFAASC" not in Redactor({"KEY": key}).text("line: 9w0BAQEFAASCBKcwggSj")


def test_a_number_that_is_a_secret_is_found_as_a_number():
    assert Redactor({"PIN": "73519024"}).value({"pin": 73519024, "n": 3, "ok": True}) == {
        "pin": "[redacted: PIN]",
        "n": 3,
        "ok": True,
    }


JWT_ANON = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.abcdefghijklmnop"
JWT_SERVICE = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.abcdefghijklmnop"
BODY = "a1B2c3D4e5F6g7H8"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"key sk_live_{BODY}{BODY}", BODY),
        (f"rk_test_{BODY}{BODY}", BODY),
        (f"whsec_{BODY}{BODY}", BODY),
        ("ghp_" + BODY * 2 + "abcd", BODY),
        ("github_pat_" + BODY * 3, BODY),
        ("xoxb-1234567890-abcdefghij", "1234567890"),
        ("id AKIAIOSFODNN7EXAMPLE", "IOSFODNN7EXAMPLE"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"),
        ("sb_secret_" + BODY * 2, BODY),
        (f"token {JWT_SERVICE}", "eyJyb2xl"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
        ("-----BEGIN PRIVATE KEY-----\\nMIIEcutoff", "MIIE"),
        ("postgres://app:pa55wordx@db.example:5432/app", "pa55wordx"),
        ("redis://:pa55wordx@cache.example", "pa55wordx"),
        (f"Authorization: Bearer {BODY}", BODY),
        ("authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNz"),
        ("curl -H 'Authorization: Token opaque-value'", "opaque-value"),
        (f"X-Api-Key: {BODY}", BODY),
        (f"sent bearer {BODY}", BODY),
        (f"Set-Cookie: sid={BODY}; Path=/; HttpOnly", BODY),
        (f"cookie: theme=dark; session={BODY}", BODY),
        (f'{{"Set-Cookie": "sid={BODY}; Secure"}}', BODY),
        ("https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXXXXXX", "XXXXXXXXXXXX"),
    ],
    ids=lambda value: value[:24],
)
def test_what_has_the_form_of_a_credential_is_redacted(text, secret):
    assert secret not in Redactor().text(text)
    assert "[redacted: " in Redactor().text(text)


@pytest.mark.parametrize(
    "text",
    [
        "pk_live_a1B2c3D4e5F6g7H8",
        f"anon key {JWT_ANON}",
        "AIzaSyA1B2C3D4E5F6G7H8I9J0K1L2M3N4O5P6Q",
        "authorization: [login]",
        "Authorization: required",
        "needs authorization.allow: [login]",
        "Basic authentication is not enough",
        "the bearer of this letter",
        "Set-Cookie: SameSite=Lax; Path=/dashboard1; Domain=acme.example",
        "sk_live_…",
        "postgres://app:${PASSWORD}@db.example/app",
        "postgres://user:password@host/db",
        "https://acme.example:8443/a@b",
        "risk-free_task_list asks for nothing",
        "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    ],
    ids=lambda value: value[:24],
)
def test_what_only_looks_like_one_stays(text):
    assert Redactor().text(text) == text


def test_a_row_of_evidence_about_a_cookie_keeps_what_can_be_judged():
    """The name and the attributes of a cookie are evidence; its value is a session."""
    row = {"host": "app.acme.example", "name": "Set-Cookie", "value": f"sid={BODY}; Path=/; SameSite=Lax"}
    assert Redactor().value(row)["value"] == "sid=[redacted: cookie]; Path=/; SameSite=Lax"
    assert Redactor().value([("authorization", "opaque")]) == [("authorization", "[redacted: credentials]")]


def test_a_picture_is_searched_for_known_secrets_only():
    """By chance a picture's base64 may look like a credential; a known secret in it is none by chance."""
    picture = "iVBOR/ghp_" + "A1b2" * 10
    assert Redactor().value({"image/png": picture}) == {"image/png": picture}
    assert MARK in REDACTOR.value({"image/png": base64.b64encode(SECRET.encode()).decode()})["image/png"]


def test_keys_are_redacted_and_types_are_kept():
    body = {SECRET: [1, None, True, 2.5, {"deep": (SECRET,)}]}
    assert REDACTOR.value(body) == {MARK: [1, None, True, 2.5, {"deep": (MARK,)}]}


def test_endless_nesting_ends():
    body: list = []
    for _ in range(5000):
        body = [body]
    assert "nested too deeply" in json.dumps(REDACTOR.value(body))


@pytest.mark.parametrize(
    "piece",
    [
        "%25",
        "%41",
        "\\",
        "\\u0041",
        "&amp;",
        "&#6",
        "<a ",
        "<",
        " \n",
        "=\n",
        "=C3",
        "+AGE",
        "+",
        "\x1b[",
        SECRET[:8],
        SECRET[:1],
        "[redacted: ACME_PASSWORD]",
        "…",
        "eyJ",
        "://a:",
        "a@",
        "1 ",
        "-----BEGIN PRIVATE KEY-----",
        "cookie: a",
        "sk_live_",
        "authorization: ",
        "%40",
        "1:2",
    ],
)
def test_hostile_text_takes_linear_time(piece):
    """Twenty times the text may take no more than some eighty times as long."""

    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            REDACTOR.text(text)
            personal(text)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(200_000) < 80 * max(seconds(10_000), 0.0005)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail from ann.o'hara@acme.example.", "mail from ann.o'[redacted: e-mail]."),
        ("GET /reset?email=ann%40acme.example&n=1", "GET /reset?email=[redacted: e-mail]&n=1"),
        ("user=änne@münchen.example ok", "user=[redacted: e-mail] ok"),
        ("card 4111 1111 1111 1111 declined", "card [redacted: card number] declined"),
        ("7 4111-1111-1111-1111 9", "7 [redacted: card number] 9"),
        ("pan=5500005555555559;", "pan=[redacted: card number];"),
        ("from 203.0.113.7:443 to 2001:db8::17", "from [redacted: address]:443 to [redacted: address]"),
        ("call +44 20 7946 0958 or (212) 555-0187.", "call [redacted: phone] or [redacted: phone]."),
        ('{"password": "hunter2x", "n": 1}', '{"password": "[redacted: secret]", "n": 1}'),
        ("GET /login?token=abcd1234 200", "GET /login?token=[redacted: secret] 200"),
    ],
    ids=lambda value: value[:24],
)
def test_personal_data_is_masked(text, expected):
    assert personal(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T12:30:45.123Z GET /api/me 200 17ms",
        "[21/Nov/2026:12:30:45 +0000]",
        "order 1732180245123 at 12:30:45",
        "react@18.2.0 added",
        "version 1.2.3 of 17",
        "4111111111111112 is no card",
        "request 550e8400-e29b-41d4-a716-446655440000",
    ],
    ids=lambda value: value[:24],
)
def test_what_is_not_personal_stays(text):
    assert personal(text) == text


_LOCAL = st.text(alphabet=string.ascii_letters + string.digits + "._+-", min_size=1, max_size=80)


@given(before=st.text(alphabet=" <>(),;:=", max_size=3), local=_LOCAL, after=st.text(alphabet=" >),;", max_size=3))
def test_no_address_survives_however_long(before, local, after):
    assert f"{local}@acme.example" not in personal(f"{before}{local}@acme.example{after}")


def test_parameters_give_the_values_of_the_variables_they_name():
    loaded = parameters.load(
        {
            "name": "Acme",
            "domain": "acme.example",
            "release": "r1",
            "accounts": {"member": {"email": "a@acme.example", "password": "${ACME_MEMBER_PASSWORD}"}},
            "database": {"url": "postgresql://audit:${ACME_DB}@db.example/app"},
        }
    )
    redactor = Redactor.from_parameters(loaded, {"ACME_MEMBER_PASSWORD": "first-secret", "ACME_DB": "second-secret"})
    assert redactor.text("first-secret second-secret") == "[redacted: ACME_MEMBER_PASSWORD] [redacted: ACME_DB]"


def test_unvalidated_parameters_give_literals_too():
    """A literal secret is refused by the parameters; until then it must not travel further."""
    content = {"client": {"accounts": {"member": {"password": "literal-value"}}, "x": ["${NAME}"]}}
    redactor = Redactor.from_mapping(content, {"NAME": "from-environment"})
    assert "literal-value" not in redactor.text("password: literal-value")
    assert redactor.text("from-environment") == "[redacted: NAME]"


class Session:
    """Stands in for jupyter_client's, which serializes each message before it is sent."""

    def __init__(self):
        self.sent = []

    def serialize(self, msg, ident=None):
        self.sent.append(msg)
        return [ident]


def test_the_kernels_session_is_guarded_once_and_the_redactor_can_be_replaced():
    session = Session()
    shell = SimpleNamespace(kernel=SimpleNamespace(session=session))
    install(shell, Redactor({"A": "first-secret"}))
    install(shell, Redactor({"B": "second-secret"}))
    message = {"header": {}, "content": {"text": "first-secret second-secret"}}
    session.serialize(message, b"id")
    assert session.sent == [{"header": {}, "content": {"text": "first-secret [redacted: B]"}}]
    assert message["content"]["text"] == "first-secret second-secret"


def test_a_shell_without_a_kernel_is_left_alone():
    install(SimpleNamespace(), Redactor())


@pytest.mark.parametrize("role", [["anon"], {"a": 1}, None, 7])
def test_a_token_whose_role_is_no_word_is_masked_and_breaks_nothing(role):
    """Claims are whatever their writer wrote."""
    body = base64.urlsafe_b64encode(json.dumps({"role": role}).encode()).decode().rstrip("=")
    token = f"eyJhbGciOiJIUzI1NiJ9.{body}.{'c2lnbmF0dXJl' * 3}"
    assert body not in Redactor({}).text(f"sent {token} along")
