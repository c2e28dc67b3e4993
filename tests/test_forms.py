"""Forms are found as a password manager finds them, and no markup is an error."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from launchready_lib.site import forms

URL = "https://acme.example/in/login"
LOGIN = """<!doctype html><title>Acme</title>
<form action="/search"><input name="q"></form>
<form method="POST" action="../session?x=1">
  <input type=hidden name=csrf value="t&amp;1"><label for="e">Your e-mail</label><input id="e" name="who">
  <input type=password name=pw><label><input type=checkbox name=keep value=yes checked> Keep me signed in</label>
  <input type=checkbox name=news><select name=lang><option>en</select><button name=go value=1>Sign in</button>
</form>"""


def page(html):
    return forms.read(html, URL)


def test_a_login_form_is_sent_as_a_browser_would_send_it():
    form = page(LOGIN).login_form()
    assert (form.method, form.action) == ("post", "https://acme.example/session?x=1")
    assert (form.user.name, form.passwords[0].name) == ("who", "pw")
    assert form.filled(who="a@b.example", pw="x") == {"csrf": "t&1", "keep": "yes", "who": "a@b.example", "pw": "x"}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ("<input name=a><input name=b autocomplete='section-x username'>", "b"),
        ("<input name=a><input name=b autocomplete=email>", "b"),
        ("<input name=a><input name=b type=email>", "b"),
        ("<input name=a><input name=user_id>", "user_id"),
        ("<input name=a><input name=b placeholder='E-mail address'>", "b"),
        ("<input name=a><input name=b aria-label='User name'>", "b"),
        ("<input name=a><label for=x>E-mail</label><input name=b id=x>", "b"),
        ("<input name=a><label>Login <input name=b></label>", "b"),
        ("<input name=a><label><input name=b> E-mail</label>", "b"),
        ("<input name=only>", "only"),
        ("<input name=a><input name=b>", None),
        ("", None),
    ],
    ids=[
        "username", "email", "type", "name", "placeholder", "aria", "label for", "label around", "label after",
        "only one", "two of a kind", "none",
    ],
)  # fmt: skip
def test_the_place_for_the_name_is_found_by_the_strongest_sign(fields, name):
    form = page(f"<form method=post>{fields}<input type=password name=p></form>").forms[0]
    assert (form.user.name if form.user else None) == name


@pytest.mark.parametrize(
    ("html", "found"),
    [
        (LOGIN, True),
        ("<form><input type=email name=e></form>", False),
        ("<form><input type=email name=e><input type=password name=a><input type=password name=b></form>", False),
        ("<input type=email name=e><input type=password name=p>", False),
        ("<script>'<form><input type=email name=e><input type=password name=p></form>'</script>", False),
    ],
    ids=["login", "no password", "sign-up", "outside a form", "in a script"],
)
def test_a_login_form_has_one_password(html, found):
    assert (page(html).login_form() is not None) is found


@pytest.mark.parametrize(
    ("html", "way"),
    [
        (
            "<a href=/x>y</a><form action=/logout method=post><button>Leave</button></form>",
            "https://acme.example/logout",
        ),
        ("<form action=/end method=post><button>Sign out</button></form>", "https://acme.example/end"),
        ("<a href='/auth/sign-out'>Bye</a>", "https://acme.example/auth/sign-out"),
        ("<a href='?end=1'>Log <b>out</b></a>", "https://acme.example/in/login?end=1"),
        ("<a href=/login>Sign in</a>", None),
        ("<form action=/logout method=post><input type=password name=p></form>", None),
    ],
    ids=["form by address", "form by words", "link by address", "link by words", "none", "asks for a password"],
)
def test_the_way_out_is_a_form_or_a_link(html, way):
    found = page(html).way_out()
    assert (found.action if isinstance(found, forms.Form) else found) == way


def test_addresses_start_where_the_page_says():
    read = page("<base href='/app/'><a href=x>x</a><form action='y'></form><form></form>")
    assert read.links == (("https://acme.example/app/x", "x"),)
    assert [form.action for form in read.forms] == ["https://acme.example/app/y", URL]


def test_the_first_of_two_attributes_counts():
    assert page("<form action=/a action=/b></form>").forms[0].action == "https://acme.example/a"


def test_visible_words_are_those_that_a_person_sees():
    read = page(
        "<h1>Hel</h1>lo<style>p{}</style><script>x</script><template>t</template><p>wor<b>ld</b> &amp; all\n</p>"
    )
    assert read.text == "Hel lo wor ld & all"


@pytest.mark.parametrize("padding", [16_380, 16_383, 16_384, 16_385, 16_390], ids=str)
def test_words_are_whole_wherever_they_stand_in_a_long_page(padding):
    assert page(f"<p>{' ' * padding}Wrong password</p>").text == "Wrong password"


PIECES = [
    "<form", " action=", "/x", ">", "<input", " type=password", " name=", "p", "</form>", "<label for=a>", "<a href=",
    "<![CDATA[", "<!", "<!--", "-->", "<?", "</", "<script>", "</script>", "&#x", "&amp", ";", "'", '"', "\0", "é",
    "<", "http://[", "<base href=", "<![if x]>", "<!DOCTYPE [",
]  # fmt: skip
scraps = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=40).map("".join)


@given(scraps)
@example("<![x")
@example("<base href='http://['><a href='http://]'>")
def test_any_markup_gives_a_page_and_no_error(html):
    read = page(html)
    read.login_form()
    read.way_out()
    for form in read.forms:
        form.filled(a="b")
        assert form.user is None or form.user in form.fields


@pytest.mark.parametrize("scrap", ["<a ", "<", "<!--", "<form><input>", "</", "<a href='", "<label>x", "<![CDATA["])
def test_a_hostile_page_is_read_in_bounded_time(scrap):
    started = time.process_time()
    page(scrap * (500_000 // len(scrap)))
    assert time.process_time() - started < 20, "html.parser alone takes many minutes for some of these"
