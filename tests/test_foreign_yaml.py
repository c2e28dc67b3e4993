"""YAML of others is read within bounds, whatever it holds."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.sources import foreign_yaml


def test_ordinary_yaml_is_read():
    assert foreign_yaml.mapping("a: 1\nb: [x, {c: d}]\n") == {"a": 1, "b": ["x", {"c": "d"}]}
    assert foreign_yaml.mapping("base: &b {x: 1}\nother: {<<: *b}\n") == {"base": {"x": 1}, "other": {"x": 1}}
    assert foreign_yaml.load("- 1\n") == [1]
    assert foreign_yaml.mapping("- 1\n") == {}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "- " * 100_000,
        "a: {" * 100_000,
        "".join(" " * n + "a:\n" for n in range(900)),
        "a: &a [x]\n" + "b: [*a, *a]\n" * 99,
        "x" * (foreign_yaml.MOST_TEXT + 1),
        "a: !!python/object/apply:os.system ['true']",
        "a: 9999-99-99",
        "\0",
        "? [",
        "",
    ],
    ids=["lists", "dashes", "mappings", "indents", "aliases", "long", "object", "date", "nul", "broken", "empty"],
)
def test_what_is_hostile_or_broken_is_none_and_costs_no_time(text):
    assert foreign_yaml.load(text) is None


@given(st.text(alphabet="abc: -[]{}&*!|>\n'\"#?,<\t", max_size=120))
def test_no_text_whatever_breaks_the_reading(text):
    foreign_yaml.load(text)


@given(
    st.recursive(
        st.text("abc", max_size=3) | st.integers(0, 9), lambda inner: st.lists(inner, max_size=3), max_leaves=9
    )
)
def test_what_yaml_writes_comes_back(value):
    assert foreign_yaml.load(yaml.safe_dump(value)) == value
