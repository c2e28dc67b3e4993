"""What a hostile site, zone, certificate and repository say stays text in the notebooks and in the report."""

import asyncio
import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
import yaml
from audited import AUTHORIZED
from dns_server import DOMAIN_ZONE, dns_world, zone
from playwright.async_api import async_playwright
from web_server import html, web_server

from launchready_lib.network.browser import find_chromium

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

EVIL = "<script>window.hacked=1</script>[go](javascript:window.hacked=1)"
IN_ZONE = EVIL.replace('"', "")


class Elements(HTMLParser):
    """The elements and addresses of a piece of HTML."""

    def __init__(self, text):
        super().__init__()
        self.scripts, self.addresses, self.handlers = 0, [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def commit(folder):
    """A repository whose message, author, file name and content all try."""
    folder.mkdir()
    (folder / "<script>window.hacked=1<!-- .py").write_text(f'import os\nos.environ["{"A" * 8}"]  # {EVIL}\n')
    (folder / "config.py").write_text('STRIPE = "sk_live_' + "x9Qw" * 6 + '"\n')
    identity = {f"GIT_{who}_{what}": EVIL for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", EVIL]):
        subprocess.run(["git", *arguments], cwd=folder, check=True, env={**os.environ, **identity})
    return folder


def answer(request):
    if request.scheme == "http":
        return html("", 302, location=f"https://{request.host}/{EVIL}")
    if request.target.startswith("/api"):
        return html(json.dumps({"error": EVIL}), 500, server=EVIL)
    page = f"<title>{EVIL}</title><h1>{EVIL}</h1><script src='https://cdn.example/{EVIL}'></script>Traceback {EVIL}"
    return html(page, server=EVIL, **{"x-powered-by": EVIL, "content-security-policy": EVIL})


def parameters(resolver, connect_to, repository):
    return {
        "client": {
            "name": "Acme",
            "domain": "acme.example",
            "release": "r1",
            "notes": EVIL,
            "authorization": {**AUTHORIZED, "allow": ["login", "flows"]},
            "network": {
                "nameservers": [resolver],
                "connect_to": connect_to,
                "requests_per_second": 500,
                "timeout_s": 3,
            },
            "site": {"canonical": "https://acme.example", "pages": {"home": "/", "login": "/login"}},
            "mail": {"from_domains": ["acme.example"], "dkim_selectors": {"acme.example": ["s1"]}},
            "repository": {"path": str(repository), "branch": "main"},
            "attestations": {"rollback.path": {"answer": True, "by": EVIL, "date": "2026-11-01", "evidence": EVIL}},
        }
    }


@pytest.fixture
async def output(tmp_path):
    hostile = zone(
        "acme.example.",
        DOMAIN_ZONE
        + f'@ TXT "v=spf1 include:spf.acme.example {IN_ZONE} -all"\n@ TXT "{IN_ZONE}"\n'
        + f'_dmarc TXT "v=DMARC1; p={IN_ZONE}"\ns1._domainkey TXT "v=DKIM1; p={IN_ZONE}"\n',
    )
    repository = commit(tmp_path / "repository")
    async with dns_world(domain=hostile) as names, web_server(answer, issuer=EVIL[:60]) as site:
        given = tmp_path / "acme.yaml"
        connect_to = names.connect_to | site.connect_to("203.0.113.10")
        given.write_text(yaml.safe_dump(parameters(names.resolver.address, connect_to, repository)))
        tool = Path(sys.executable).parent / "launchready"
        arguments = ("run", str(given), "--stages", "1-3", "--output", str(tmp_path / "output"))
        process = await asyncio.create_subprocess_exec(
            tool, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await process.communicate()
    assert process.returncode == 1, said.decode()[-2000:]
    return next((tmp_path / "output").rglob("report.html")).parent


def unsafe(text):
    read = Elements(text)
    return read.scripts, [a for a in read.addresses if "hacked" in a or a.startswith("javascript:")], read.handlers


async def test_hostile_strings_stay_text_in_notebooks_and_report(output):
    shown = 0
    for path in sorted(output.glob("*.ipynb")):
        for cell in nbformat.read(path, 4).cells:
            for out in cell.get("outputs", ()):
                if page := out.get("data", {}).get("text/html"):
                    assert unsafe(page) == (0, [], []), cell.id
                    shown += "&lt;script&gt;window.hacked=1" in page
                assert "text/markdown" not in out.get("data", {})
    assert shown >= 5, "title, record, header, certificate and commit were all shown"
    await in_a_browser(output / "report.html")


async def in_a_browser(report):
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        page = await browser.new_page()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(report.as_uri())
        await page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert await page.evaluate("window.hacked === undefined")
        assert "<script>window.hacked=1</script>" in await page.inner_text("body")
        links = await page.evaluate("[...document.links].map(each => each.protocol)")
        assert set(links) <= {"https:", "file:", "mailto:"}
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
        await browser.close()
