"""Charts say in rows and words what they show, and a missing survey shows itself instead."""

import pytest

from launchready_lib.checks.quick_audit.pages import CorePages
from launchready_lib.evidence import Unavailable
from launchready_lib.network import Timing
from launchready_lib.record import exhibits
from launchready_lib.report import figures
from launchready_lib.site.reads import Reads, Sample
from launchready_lib.site.visits import Load, Visit


def _timing(response_ms: float, service_ms: float | None = None, *, error: str | None = None) -> Timing:
    url, status = "https://acme.example/api/dashboard", 0 if error else 200
    service_ms = response_ms if service_ms is None else service_ms
    return Timing(url, 0.0, service_ms, response_ms, 0.0, 0.0, response_ms, status, 100, error)


def _reads(*timings: Timing) -> Reads:
    sample = Sample("dashboard", "https://acme.example/api/dashboard", 2, 5.0, len(timings), timings)
    return Reads((sample,), (1.0,), 20.0, 0.3)


def _pages(loads: int) -> CorePages:
    fetched = tuple(
        Load(f"https://acme.example/static/{n}.js", "Script", n * 10.0, n * 11.0 + 5, 200, 1000) for n in range(loads)
    )
    return CorePages((Visit("home", "https://acme.example/", interactive_ms=800.0, loads=fetched),), {}, 5.0)


@pytest.mark.parametrize(
    "draw", [pytest.param(figures.response_times, id="response times"), pytest.param(figures.page_loads, id="loads")]
)
def test_what_was_not_measured_is_not_drawn(draw):
    """A survey that could not look gives its reason, no empty chart."""
    missing = Unavailable("nobody allowed it", "authorization.allow: [load]")
    assert draw(missing) is missing


def test_nothing_answered_is_no_chart():
    """Core reads of which none was answered have no times to draw."""
    assert isinstance(figures.response_times(_reads(_timing(0, error="reset"))), Unavailable)
    assert isinstance(figures.page_loads(_pages(0)), Unavailable)


def test_failed_requests_keep_the_line_below_a_hundred():
    """The share counts every request that was sent, so that errors cannot look like speed."""
    chart = figures.response_times(_reads(_timing(30), _timing(10), _timing(0, error="reset"), _timing(20)))
    line, target = chart.figure.to_plotly_json()["data"]
    assert list(line["x"]) == [10, 20, 30]
    assert list(line["y"]) == [25, 50, 75]
    assert target["name"] == "target, 300 ms"


def test_times_of_the_site_alone_leave_out_what_we_sent_late():
    """What is judged is what is drawn: an unhurried look counts from the sending."""
    reads = _reads(_timing(30, 3), _timing(20, 2))
    line = figures.response_times(reads, "service").figure.to_plotly_json()["data"][0]
    assert list(line["x"]) == [2, 3]


def test_a_page_with_many_loads_is_cut_to_those_that_took_longest():
    """The picture stays readable, and its table has the same rows."""
    chart = figures.page_loads(_pages(50))
    (bars,) = chart.figure.to_plotly_json()["data"]
    assert len(bars["y"]) == len(chart.rows) == figures.MOST_LOADS + 1
    assert [row["what"] for row in chart.rows[:2]] == ["until it can be used", "/static/42.js"]
    assert chart.rows[-1]["what"] == "/static/49.js"


def test_a_long_address_keeps_its_end():
    """What tells two files apart is the end of their names."""
    url = f"https://cdn.example/{'deep/' * 20}app.js"
    page = Visit("home", "https://acme.example/", loads=(Load(url, "Script", 0.0, 9.0),))
    (row,) = figures.page_loads(CorePages((page,), {}, 5.0)).rows
    assert row["what"].endswith("deep/app.js")
    assert len(row["what"]) == figures.MOST_LETTERS


@pytest.mark.parametrize(
    "chart",
    [
        pytest.param(figures.response_times(_reads(_timing(10))), id="response times"),
        pytest.param(figures.page_loads(_pages(3)), id="loads"),
    ],
)
def test_the_report_can_draw_every_chart(chart):
    """The report's bundle knows the kinds of trace, and each chart has words and rows beside it."""
    assert exhibits.figure(chart.figure.to_plotly_json()) is not None
    assert chart.caption
    assert chart.rows
