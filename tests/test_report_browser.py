"""The report in a real browser: on a wide screen, on a phone, without script, on paper; and nothing leaves."""

import pytest
from playwright.sync_api import sync_playwright
from report_fixtures import CLIENT, Run, chart_output, failing, html_output

from launchready_lib.network.browser import find_chromium
from launchready_lib.report import publication

CHROMIUM = find_chromium()
EVIL = "<script>window.hacked=1</script><img src='https://evil.example/x.png' onerror='window.hacked=1'>"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    run = Run(client=CLIENT | {"name": f"Acme {EVIL}"}, charts=2, verdicts={"mail.dmarc": _long()})
    chart = chart_output(EVIL)
    chart["data"]["application/vnd.plotly.v1+json"]["data"][0]["x"] = [EVIL, "b"]
    wide = "".join(f"<th>a rather long column {n}</th>" for n in range(20))
    run.outputs["secure_edge"] = [chart, html_output(f"<table><tr>{wide}</tr><tr><td>{'x' * 400}</td></tr></table>")]
    return publication.write(run.write(tmp_path_factory.mktemp("report"))).as_uri()


def _long():
    return failing("mail.dmarc", evidence=[{"record": "v=DMARC1;" + "x" * 500, "name": EVIL}])


@pytest.fixture
def opened(browser, url, request):
    """A page with the report, and what it asked for and complained about."""
    context = browser.new_context(**getattr(request, "param", {}))
    page = context.new_page()
    page.asked, page.complaints = [], []
    page.on("request", lambda asked: page.asked.append(asked.url))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(url)
    yield page
    context.close()


WIDTHS = [pytest.param({"viewport": {"width": width, "height": 900}}, id=str(width)) for width in (1280, 390)]


@pytest.mark.parametrize("opened", WIDTHS, indirect=True)
def test_it_fits_the_screen_draws_its_charts_and_asks_for_nothing(opened, url):
    charts = opened.locator(".plot")
    for place in range(charts.count()):
        charts.nth(place).scroll_into_view_if_needed()
        charts.nth(place).locator(".main-svg").first.wait_for()
    opened.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.evaluate("window.hacked") is None
    assert opened.asked == [url]
    assert opened.complaints == []
    assert charts.count() == 15


@pytest.mark.parametrize("opened", WIDTHS, indirect=True)
def test_the_first_screen_tells_verdict_bar_and_what_breaks_first(opened):
    height = opened.viewport_size["height"]
    for selector in ("h1", ".bar li >> nth=4", ".three h2 >> nth=0"):
        box = opened.locator(selector).first.bounding_box()
        assert box["y"] + box["height"] <= height, selector


@pytest.mark.parametrize("opened", [pytest.param({"java_script_enabled": False}, id="no script")], indirect=True)
def test_it_reads_without_script(opened):
    assert opened.locator("h1").is_visible()
    assert opened.locator("#check-mail-dmarc").is_visible()
    assert not opened.locator(".plot").first.is_visible()
    details = opened.locator("#check-mail-dmarc details")
    details.locator("summary").click()
    assert details.locator("table").is_visible()
    chart = opened.locator("figure.chart").first
    chart.locator("summary").click()
    assert chart.locator("table").is_visible()


def test_on_paper_the_evidence_of_failures_is_unfolded(opened):
    opened.emulate_media(media="print")
    assert opened.locator("#check-mail-dmarc table").is_visible()
    assert not opened.locator("#check-tls-certificate table").is_visible()
    assert not opened.locator("nav.side").is_visible()


def test_a_link_from_the_plan_leads_to_the_check(opened):
    opened.locator("#plan a").first.click()
    assert opened.evaluate("location.hash").startswith("#check-")
    assert opened.locator(":target").count() == 1
