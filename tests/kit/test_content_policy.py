"""The policy to paste follows from what pages load, is safe by our own check, and breaks out nowhere."""

import base64
import hashlib
import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.checks.secure_edge.headers import policy
from launchready_lib.checks.secure_edge.headers.evidence import View
from launchready_lib.kit import quoting
from launchready_lib.kit.content_policy import advised
from launchready_lib.network import Response


def page(body, csp=None, url="https://acme.example/"):
    headers = [("content-type", "text/html")] + ([("content-security-policy", csp)] if csp is not None else [])
    return View("home", url, Response("GET", url, "ok", 200, tuple(headers), body.encode("utf-8", "replace")))


def directives(*views, framing=False, third_parties=()):
    found = advised(views, framing=framing, third_parties=third_parties)
    return policy.parse(found.text).directives


def hashed(script):
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def test_without_a_policy_everything_that_the_page_loads_is_let_in():
    found = directives(
        page(
            '<script src="/own.js"></script><script src="https://js.stripe.com/v3/"></script><img src="//i.acme.net/a">'
            '<link rel=stylesheet href="https://fonts.acme.net/css"><iframe src="https://player.acme.net/1"></iframe>'
            '<form action="https://pay.acme.net/now"></form><link rel=preload as=font href="https://f.acme.net/f">'
            "<script>start()</script><p style='color:red'>"
        )
    )
    assert found["script-src"] == ("'self'", "https://js.stripe.com", hashed("start()"))
    assert found["img-src"] == ("'self'", "data:", "https://i.acme.net")
    assert found["style-src"] == ("'self'", "https://fonts.acme.net", "'unsafe-inline'")
    assert found["frame-src"] == ("'self'", "https://player.acme.net")
    assert found["form-action"] == ("'self'", "https://pay.acme.net")
    assert found["font-src"] == ("'self'", "https://f.acme.net")
    assert (found["object-src"], found["base-uri"]) == (("'none'",), ("'self'",))


def test_data_and_templates_are_no_scripts():
    found = directives(page('<script type="application/json">{"a": 1}</script><script type=module>go()</script>'))
    assert found["script-src"] == ("'self'", hashed("go()"))


def test_hosts_that_serve_anybodys_scripts_are_let_in_by_file():
    found = directives(page('<script src="https://cdn.jsdelivr.net/npm/a@1.2.3/a.js?x=1"></script>'))
    assert found["script-src"] == ("'self'", "https://cdn.jsdelivr.net/npm/a@1.2.3/a.js")


def test_a_policy_that_is_there_keeps_what_is_safe_and_is_not_widened():
    standing = "default-src 'none'; script-src 'self' https://js.stripe.com; img-src 'self'; object-src *"
    found = directives(
        page('<script src="https://evil.example/x.js"></script><img src="https://evil.example/y">', standing)
    )
    assert found["script-src"] == ("'self'", "https://js.stripe.com")
    assert found["img-src"] == ("'self'",)
    assert found["default-src"] == found["object-src"] == ("'none'",)


def test_where_a_policy_let_everything_in_what_is_loaded_takes_its_place():
    standing = "default-src 'self'; script-src https: 'unsafe-inline'"
    found = directives(page('<script src="https://js.stripe.com/v3/"></script><script>go()</script>', standing))
    assert found["script-src"] == ("'self'", "https://js.stripe.com", hashed("go()"))


def test_what_a_policy_never_ruled_on_stays_free():
    found = directives(page("<p>", "script-src 'self' 'unsafe-inline'"))
    assert "default-src" not in found
    assert "img-src" not in found


def test_pages_with_policies_of_their_own_get_one_that_serves_them_all():
    found = directives(
        page("<p>", "default-src 'self'; script-src 'self' https://a.example 'unsafe-eval'"),
        page("<p>", "default-src 'self'; script-src 'self' https://b.example; img-src https://c.example"),
    )
    assert found["script-src"] == ("'self'", "https://a.example", "https://b.example")
    assert found["img-src"] == ("'self'", "https://c.example")


def test_a_nonce_is_never_fixed():
    found = advised([page("<p>", "script-src 'nonce-r4nd0mr4nd0m' https:")], framing=False)
    assert found.by_app
    assert "'nonce-{nonce}'" in found.text
    assert "r4nd0m" not in found.text


@pytest.mark.parametrize("framing", [True, False])
def test_framing_is_closed_where_asked_and_kept_where_named(framing):
    found = directives(page("<p>", "script-src 'self' data:; frame-ancestors https://partner.example"), framing=framing)
    assert found["frame-ancestors"] == (("'self'",) if framing else ("https://partner.example",))


def test_services_that_are_needed_on_purpose_may_be_called():
    found = directives(page("<p>"), third_parties=("js.stripe.com",))
    assert all("https://js.stripe.com" in found[name] for name in ("script-src", "connect-src", "frame-src"))


SOURCES = st.sampled_from(["'self'", "'unsafe-inline'", "https:", "*", "data:"])
HOSTILE = st.text(max_size=60) | st.text("'\";,$\\{}<>\r\n\t `#%:/*@abc", max_size=40)
ADDRESSES = st.builds("https://{}.example/{}".format, st.sampled_from(["cdn", "ajax", "x"]), HOSTILE) | HOSTILE
POLICIES = st.none() | st.lists(
    st.builds(
        "{} {}".format,
        st.sampled_from(["script-src", "default-src", "object-src", "img-src", "base-uri", "report-uri", "x"]),
        st.lists(HOSTILE | SOURCES, max_size=4).map(" ".join),
    ),
    max_size=5,
).map("; ".join)  # fmt: skip


@given(
    addresses=st.lists(ADDRESSES, max_size=5), script=HOSTILE, standing=POLICIES, needed=st.lists(HOSTILE, max_size=2)
)
def test_whatever_a_page_says_the_policy_is_safe_and_one_value_in_every_syntax(addresses, script, standing, needed):
    tags = "".join(f'<script src="{html.escape(a)}"></script><img src="{html.escape(a)}">' for a in addresses)
    found = advised([page(f"{tags}<script>{script}</script>", standing)], framing=False, third_parties=needed)
    if found.by_app:
        return
    assert not [w for w in policy.weaknesses(policy.parse(found.text)) if w.unsafe]
    assert "," not in found.text
    for syntax in ("nginx", "caddy", "hcl", "javascript", "python", "single", "line"):
        assert quoting.FILTERS[syntax](found.text)
