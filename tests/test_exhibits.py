"""What a notebook's cells showed travels as text and figures, never as markup."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.record.exhibits import MAX_CELL, MAX_ROWS, cell, exhibit, figure, table_of, tables

PLOTLY = "application/vnd.plotly.v1+json"


def test_a_data_frame_keeps_its_text_and_loses_its_running_number():
    html = """<div><style>td {color: red}</style><table border="1"><thead><tr><th></th><th>host</th><th>answer</th></tr>
    </thead><tbody><tr><th>0</th><td>a.example</td><td>1 &lt; 2</td></tr></tbody></table></div>"""
    (table,) = tables(html)
    assert table.columns == ("host", "answer")
    assert table.rows == (("a.example", "1 < 2"),)


def test_an_index_with_words_in_it_is_kept():
    (table,) = tables("<table><tr><th></th><th>ms</th></tr><tr><th>login</th><td>120</td></tr></table>")
    assert table.columns == ("column 1", "ms")
    assert table.rows == (("login", "120"),)


@pytest.mark.parametrize(
    "inside",
    [
        pytest.param("<script>alert(1)</script>", id="script"),
        pytest.param("<style>*{display:none}</style>", id="style"),
        pytest.param('<a href="javascript:alert(1)"></a>', id="link"),
        pytest.param('<img src="https://evil.example/x.png" onerror="alert(1)">', id="image"),
    ],
)
def test_markup_inside_a_cell_is_dropped(inside):
    (table,) = tables(f"<table><tr><td>before {inside} after</td></tr></table>")
    assert table.rows == (("before after",),)


def test_a_long_table_says_how_many_rows_it_left_off():
    rows = "".join(f"<tr><td>{n}</td></tr>" for n in range(MAX_ROWS + 30))
    (table,) = tables(f"<table><tr><th>n</th></tr>{rows}</table>")
    assert len(table.rows) == MAX_ROWS
    assert table.left_off == 30
    assert table_of([{"n": n} for n in range(MAX_ROWS + 30)]).left_off == 30


@given(st.text(alphabet="<>/ table trdh caption script=\"'&;!-a1\n", max_size=400))
def test_whatever_the_html_there_is_no_exception(html):
    for table in tables("<table>" + html):
        assert all(len(row) == len(table.columns) for row in table.rows)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, "", id="none"),
        pytest.param(True, "yes", id="true"),
        pytest.param(0.18300000001, "0.183", id="float"),
        pytest.param(float("nan"), "", id="a gap in a data frame"),
        pytest.param([1, "a"], '[1, "a"]', id="list"),
        pytest.param("x" * (MAX_CELL + 5), "x" * (MAX_CELL - 1) + "…", id="cut"),
    ],
)
def test_a_scalar_of_evidence_is_shown_as_people_write_it(value, text):
    assert cell(value) == text


def test_a_figure_keeps_breaks_and_loses_links_images_and_templates():
    safe = figure(
        {
            "data": [
                {
                    "type": "bar",
                    "x": ["<a href='https://evil.example'>x</a>"],
                    "hovertemplate": "%{y}<br><extra></extra>",
                }
            ],
            "layout": {
                "images": [{"source": "https://evil.example/x.png"}],
                "template": {"layout": {}},
                "title": {"text": "t"},
            },
        }
    )
    assert safe["data"][0]["x"] == ["&lt;a href='https://evil.example'>x&lt;/a>"]
    assert safe["data"][0]["hovertemplate"] == "%{y}<br><extra></extra>"
    assert list(safe["layout"]) == ["title"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="nothing"),
        pytest.param([], id="a list"),
        pytest.param({"data": []}, id="no traces"),
        pytest.param({"data": [{"type": "scattergeo"}]}, id="a map, which fetches its coastlines"),
        pytest.param({"data": [{"type": "bar", "y": list(range(200_000))}]}, id="too large"),
    ],
)
def test_what_cannot_be_drawn_from_the_bundle_is_no_figure(body):
    assert figure(body) is None


def test_a_chart_that_cannot_be_drawn_still_shows_its_table():
    shown = exhibit(
        {PLOTLY: {"data": [{"type": "scattergl"}]}, "text/html": "<table><tr><td>1</td></tr></table>"}, heading=""
    )
    assert shown.figure is None
    assert shown.tables[0].rows == (("1",),)


def test_numbers_that_json_does_not_have_become_gaps():
    assert json.dumps(figure({"data": [{"y": [1.0, float("nan")]}]})["data"], allow_nan=False) == '[{"y": [1.0, null]}]'
