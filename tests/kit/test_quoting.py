"""Whatever a client's site or DNS says, it stays one value where the kit prints it."""

import ast
import json
import re

import dns.rdata
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.kit import quoting
from launchready_lib.kit.quoting import UnquotableError, UnquotedError, _environment
from launchready_lib.kit.records import RecordSet, Removal, ZonePatch, bind, octodns, presentation

HOSTILE = st.text(max_size=80) | st.text("\"'\\${}%#;\n\r\t ?><`a", max_size=40)
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300)


def quoted(quote, text):
    try:
        return quote(text)
    except UnquotableError:
        return None


def nginx_token(text):
    """One quoted token of nginx (ngx_conf_read_token), and what comes after it; variables are refused before."""
    match = re.fullmatch(r'"((?:[^"\\]|\\.)*)"(.*)', text, re.DOTALL)
    return re.sub(r"\\(.)", r"\1", match[1]), match[2]


def single_quoted(text):
    """A single-quoted string of PHP and Ruby, and what comes after it."""
    match = re.fullmatch(r"'((?:[^'\\]|\\.)*)'(.*)", text, re.DOTALL)
    return re.sub(r"\\([\\'])", r"\1", match[1]), match[2]


def hcl_string(text):
    """A quoted template of HCL without any interpolation, and what comes after it."""
    match = re.fullmatch(r'"((?:[^"\\\n]|\\.)*)"(.*)', text, re.DOTALL)
    assert not re.search(r"(?<!\$)\$\{|(?<!%)%\{", match[1])
    return re.sub(r"\\(.)", r"\1", match[1].replace("$${", "${").replace("%%{", "%{")), match[2]


READERS = {
    "javascript": lambda text: (json.loads(text), ""),
    "python": lambda text: (ast.literal_eval(text), ""),
    "nginx": nginx_token,
    "caddy": nginx_token,
    "single": single_quoted,
    "hcl": hcl_string,
}


@pytest.mark.parametrize("syntax", READERS)
@given(text=HOSTILE)
def test_a_text_is_refused_or_read_back_as_it_was(syntax, text):
    written = quoted(quoting.FILTERS[syntax], text)
    if written is not None:
        assert READERS[syntax](written) == (text, "")


@pytest.mark.parametrize("syntax", READERS)
@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="${}\\"), max_size=100))
def test_what_headers_are_made_of_is_never_refused(syntax, text):
    assert quoting.FILTERS[syntax](text)


@given(text=PRINTABLE)
def test_a_cloudflare_expression_holds_a_text_as_one_string(text):
    expression, rest = hcl_string(f'"{quoting.rule(text)}"')
    assert rest == ""
    assert nginx_token(expression) == (text, "")


@given(text=HOSTILE)
def test_a_comment_stays_on_its_line(text):
    written = quoting.comment(text)
    assert len(written.splitlines()) <= 1
    assert "?>" not in written
    assert all(char.isprintable() for char in written)


@given(text=HOSTILE)
def test_a_bare_word_is_plain(text):
    written = quoted(quoting.token, text)
    assert written is None or re.fullmatch(r"[A-Za-z0-9_.-]+", written)


def test_templates_print_nothing_that_was_not_quoted():
    template = _environment().from_string("{{ value }}")
    with pytest.raises(UnquotedError):
        template.render(value="server_name a;")
    with pytest.raises(UnquotedError):
        template.render(value=True)
    assert template.render(value=3600) == "3600"


@given(text=st.text(st.characters(max_codepoint=255), max_size=700))
def test_a_txt_record_reads_back_as_it_was(text):
    rdata = dns.rdata.from_text("IN", "TXT", presentation("TXT", text))
    assert b"".join(rdata.strings) == text.encode("latin-1")
    assert all(len(part) <= 255 for part in rdata.strings)


@given(text=HOSTILE, note=HOSTILE)
def test_hostile_text_records_and_notes_add_no_line_and_no_key(text, note):
    patch = ZonePatch(
        "acme.example",
        note,
        (RecordSet("acme.example", "TXT", ("v=spf1 ~all", text), note),),
        (Removal("x.acme.example", "CNAME", note),),
        (note,),
    )
    lines = [line for line in bind(patch).splitlines() if not line.startswith(";")]
    assert len(lines) == 2
    assert all(line.startswith("acme.example. 3600 IN TXT ") for line in lines)
    read = yaml.safe_load(octodns(patch))
    assert set(read) <= {""}
    if read:
        assert [value.replace("\\;", ";") for value in read[""]["values"]] == ["v=spf1 ~all", text]


@pytest.mark.parametrize("name", ["a b.example", 'x".example', "x;.example", "x\n.example", "", "a" * 254])
def test_a_name_that_is_not_plain_is_no_record(name):
    with pytest.raises(ValueError, match="not plain"):
        RecordSet(name, "A", ("192.0.2.1",))
