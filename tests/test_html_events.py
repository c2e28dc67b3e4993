"""HTML of others is a stream of events, in bounded time, and never an error."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.record.html_events import End, Start, Text, events


def test_tags_and_text_come_in_order_with_what_they_stand_in():
    found = list(events("<p id=a id=b hidden>x &amp; <pre>y<template>z</template></pre></p>"))
    assert found == [
        Start("p", {"id": "a", "hidden": ""}),
        Text("x & ", frozenset()),
        Start("pre", {}),
        Text("y", frozenset({"pre"})),
        Start("template", {}),
        Text("z", frozenset({"pre", "template"})),
        End("template"),
        End("pre"),
        End("p"),
    ]


def test_an_end_tag_without_a_start_closes_nothing():
    *_, text = events("</pre></pre><pre>x")
    assert text == Text("x", frozenset({"pre"}))


@pytest.mark.parametrize(
    "unit", ["<b>", "<div><p>", "</p>", "<a ", "<template>", "<![CDATA[", "<!--"], ids=lambda unit: unit.strip("<! ")
)
def test_anything_repeated_is_read_in_bounded_time(unit):
    started = time.process_time()
    for _ in events(unit * (250_000 // len(unit))):
        pass
    assert time.process_time() - started < 10, "html.parser alone takes many minutes for some of these"


@given(st.text(alphabet="<>!-/&;=\"' abscript\x00[]?", max_size=200))
def test_any_text_is_read(text):
    assert all(isinstance(event, Start | End | Text) for event in events(text))
