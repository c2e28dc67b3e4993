"""caching.static: files that never change are kept by browsers, and text travels compressed."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from launchready_lib.checks import check
from launchready_lib.client import Client
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.network import Response
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.site import markup, web
from launchready_lib.site.signin import Member
from launchready_lib.wording import brief

THIRTY_DAYS_S = 30 * 86_400
SMALL = 1_400  # Bytes that fit one packet: compressing less gains nothing
MOST = 60
_TEXT = re.compile(
    r"text/|application/(?:javascript|x-javascript|json|manifest\+json|xml|wasm)|image/svg\+xml|.+\+(?:json|xml)$"
)
_HEX = re.compile(r"(?<![0-9a-z])(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,64}(?![0-9a-z])", re.IGNORECASE)
_VITE = 8
_MIXED = re.compile(r"[.~_-]([A-Za-z0-9_]{8,24})\.(?:[a-z0-9]+\.)?[a-z0-9]{2,5}\Z")
_BUILT = re.compile(r"/_next/static/|/_nuxt/|/_astro/|/_app/immutable/")
_LONG_QUERY = re.compile(r"(?:^|[&?])(?:v|ver|h|hash|id|build)?=?[0-9a-f]{8,}(?:&|\Z)", re.IGNORECASE)
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,12})", re.IGNORECASE)
_COMPRESSED = frozenset({"gzip", "x-gzip", "br", "zstd", "deflate", "dcb", "dcz"})


@dataclass(frozen=True)
class Asset:
    """One file that a page of the site loads from the site itself."""

    url: str
    kind: str
    page: str  # the first page that loads it
    response: Response
    fingerprinted: bool  # its address changes with its content

    @property
    def is_text(self) -> bool:
        """Whether it shrinks when compressed."""
        return bool(_TEXT.match(self.response.media_type))

    @property
    def is_compressed(self) -> bool:
        """Whether it came compressed."""
        names = (self.response.header("content-encoding") or "").lower().split(",")
        return any(name.strip() in _COMPRESSED for name in names)

    @property
    def size(self) -> int:
        """Bytes as far as known: the declared length of what travelled, else what was read of it."""
        declared = self.response.header("content-length") or ""
        return int(declared) if declared.isdigit() and len(declared) < 13 else len(self.response.body)

    def row(self) -> Row:
        """The file as evidence."""
        return {
            "file": web.path_of(self.url),
            "page": self.page,
            "status": self.response.status,
            "fingerprinted": self.fingerprinted,
            "cache_control": self.response.header("cache-control") or "(absent)",
            "content_encoding": self.response.header("content-encoding") or "(none)",
            "bytes": self.size,
        }


@dataclass(frozen=True)
class StaticEvidence(Evidence):
    """The site's own static files, as its pages load them.

    Attributes:
        pages: names of the pages read for them; missing: what could not be read.
        left_off: files beyond the number that is asked for.
    """

    assets: tuple[Asset, ...]
    pages: tuple[str, ...]
    missing: tuple[Unavailable, ...] = ()
    left_off: int = 0

    def rows(self) -> list[Row]:
        """One row a file."""
        return [asset.row() for asset in self.assets]


def is_fingerprinted(url: str) -> bool:
    """Whether an address names a version of the content: a hash in the file's name, its query, or a build's folder."""
    parts = urlsplit(url)
    path, name = parts.path, parts.path.rsplit("/", 1)[-1]
    if _BUILT.search(path) or _HEX.search(name) or (parts.query and _LONG_QUERY.search(parts.query)):
        return True
    if (match := _MIXED.search(name)) is None:
        return False
    # letters look like a hash and not like a word with digits amid them, or with capitals within Vite's eight
    changes = re.findall(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", match[1], re.IGNORECASE)
    return len(changes) > 1 or (len(match[1]) == _VITE and bool(re.search(r"[a-z][A-Z]", match[1])))


def kept_for(response: Response) -> float:
    """Seconds for which a browser may use its copy without asking (RFC 9111 §5.2.2)."""
    control = ", ".join(response.all("cache-control"))[:500].lower()
    if "no-store" in control or "no-cache" in control:
        return 0.0
    if match := _MAX_AGE.search(control):
        return float(match[1])
    return float("inf") if "immutable" in control else 0.0


@probe
async def survey(client: Client, member: Member | Unavailable | None = None) -> StaticEvidence | Unavailable:
    """Follow the pages' own links to scripts, styles and images, each once; as a member where one is given."""
    if no := web.unauthorized(client):
        return no
    given = {"home": "/", **client.parameters.site.pages}
    urls = {name: web.address(client, path) for name, path in given.items()}
    ask = client.network.request if member is None or isinstance(member, Unavailable) else member.session.request
    trusted = ask is not client.network.request
    answers = await asyncio.gather(*(ask("GET", url, follow=web.HOPS, verify=trusted) for url in urls.values()))
    found: dict[str, tuple[str, str]] = {}
    missing: list[Unavailable] = []
    read: list[str] = []
    for (name, url), answer in zip(urls.items(), answers, strict=True):
        if why := web.why_unseen(url, answer):
            missing.append(why)
            continue
        read.append(name)
        for resource in markup.read(answer.text, answer.url).resources:
            if resource.url.startswith(("https:", "http:")) and web.same_site(resource.url, answer.url):
                found.setdefault(resource.url, (resource.kind, name))
    some = list(found.items())[:MOST]
    headers = {"Accept-Encoding": "gzip, br, zstd"}
    files = await asyncio.gather(*(client.network.request("GET", url, headers=headers, follow=1) for url, _ in some))
    assets = (Asset(url, *of, file, is_fingerprinted(url)) for (url, of), file in zip(some, files, strict=True))
    return StaticEvidence(tuple(assets), tuple(read), tuple(missing), len(found) - len(some))


@check("caching.static")
def static(evidence: StaticEvidence) -> Verdict:
    """Fingerprinted files may be kept for 30 days or more; text files travel compressed."""
    clauses = [web.unseen(evidence.missing)] if evidence.missing else []
    if unread := [why for asset in evidence.assets if (why := web.why_unseen(asset.url, asset.response))]:
        clauses.append(web.unseen(unread))
    seen = [a for a in evidence.assets if a.response.status == 200]
    if hashed := [a for a in seen if a.fingerprinted]:
        clauses.append(_cacheable(hashed))
    if text := [a for a in seen if a.is_text and a.size >= SMALL]:
        clauses.append(_compressed(text))
    if not hashed and evidence.pages:
        pages = brief(evidence.pages)
        reason = f"no file that {pages} load has a fingerprint in its name, so none can be kept for long"
        rows = evidence.rows() or [{"pages": pages, "own_files": 0}]
        clauses.append(
            unknown(reason, needs="files with a hash in their names (a build step), or more site.pages", evidence=rows)
        )
    return combine(*clauses) if clauses else web.unseen([web.NO_PAGE])


def _cacheable(assets: list[Asset]) -> Verdict:
    if not (short := [a for a in assets if kept_for(a.response) < THIRTY_DAYS_S]):
        summary = f"{len(assets)} files with a fingerprint may be kept for 30 days or more"
        return passed(summary, evidence=[a.row() for a in assets])
    return failed(
        f"{brief(web.path_of(a.url) for a in short)}: the name changes with the content, "
        "yet browsers may not keep it for 30 days",
        evidence=[a.row() for a in short],
        fix="Send Cache-Control: public, max-age=31536000, immutable for files with a hash in their name",
        about=["cache"],
    )


def _compressed(assets: list[Asset]) -> Verdict:
    if not (plain := [a for a in assets if not a.is_compressed]):
        return passed(f"{len(assets)} text files travel compressed", evidence=[a.row() for a in assets])
    total = sum(a.size for a in plain)
    text = f"{brief(web.path_of(a.url) for a in plain)}: {total / 1_000:,.0f} kB of text travel uncompressed"
    fix = "Switch on Brotli or gzip for text/css, text/javascript, application/json and image/svg+xml"
    return failed(text, evidence=[a.row() for a in plain], fix=fix, about=["compression"])
