"""Signs of building too early, read from a repository's files, by what data/overbuilding.yaml knows of each."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice, pairwise

from launchready_lib.evidence import Row
from launchready_lib.sources import table
from launchready_lib.sources.deploys.ways import parsed

LINE = 1_000
_MOST_LINES = 20_000
_MOST_SIGNS = 30
_IMAGE = re.compile(r"^\s*(?:-\s*)?(?:image|chart|repository|name)\s*[:=]\s*[\"']?([\w./:@-]{3,200})")
_FLY_REGIONS = re.compile(r"\bfly(?:ctl)?\b.{0,100}(?:\bregions? (?:add|set)\s+|--regions?[ =])([\w, ]{3,100})")
_TERRAFORM_REGION = re.compile(r"^\s*(?:region|location)\s*=\s*\"([a-z0-9-]{3,40})\"")
_FOR_THE_EDGE = re.compile(r"cloudfront|aws_acm_certificate|lambda_edge|aws_waf", re.IGNORECASE)
_NAME = re.compile(r"[\w@/.-]+")
MANY_JOINS = 6
_WINDOW = 4_000
_MOST_TEXT = 256 * 1024
_CLEARS = frozenset({"del", "delete", "forget", "invalidate", "unlink", "expire"})
_CACHE_MODULE = re.compile(r"(?i)(?:^|/)[\w-]*(?:cache|caching|redis|memcached?)[\w-]*(?:\.\w+$|/)")
_JOIN = re.compile(r"\bjoin\s+[\w\"`\[(]", re.IGNORECASE)
_SELECT = re.compile(r"\bselect\b", re.IGNORECASE)
_ENDS = re.compile(r";|\"\"\"|'''|`|\n[ \t]*\n")


@dataclass(frozen=True)
class Sign:
    """One thing found, in words that are the same for the same thing, so that it counts once."""

    what: str
    where: str

    def row(self) -> Row:
        """The sign as evidence."""
        return {"sign": self.what, "where": self.where}


@dataclass(frozen=True)
class Topic:
    """One way of building too early, which from about `members` on may pay; the rest maps names to what they are."""

    members: int
    pays: str
    images: Mapping[str, str]
    packages: Mapping[str, str]
    resources: tuple[tuple[re.Pattern[str], str], ...]


@cache
def pattern(name: str) -> re.Pattern[str]:
    """One of the patterns that tell files and lines apart."""
    return re.compile("".join(table("overbuilding")["patterns"][name]))


@cache
def topics() -> Mapping[str, Topic]:
    """Every topic by name."""
    return {
        name: Topic(
            int(entry["members"]),
            str(entry["pays"]).strip(),
            entry.get("images", {}),
            entry.get("packages", {}),
            tuple((re.compile(pattern, re.IGNORECASE), what) for pattern, what in entry.get("resources", {}).items()),
        )
        for name, entry in table("overbuilding")["topics"].items()
    }


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Number and beginning of each line, up to a number."""
    return ((number, line[:LINE]) for number, line in enumerate(islice(text.splitlines(), _MOST_LINES), 1))


def regions(files: Mapping[str, str], topic: Topic) -> list[Sign]:
    """More than one region: commands of Fly, settings of Vercel, Railway and Render, Terraform."""
    found: list[Sign] = []
    terraform: dict[str, str] = {}
    for path, text in files.items():
        if path.rpartition("/")[2] in ("vercel.json", "railway.json", "render.yaml", "render.yml"):
            found += _platform_regions(path, text)
        for number, line in lines(text):
            if match := _FLY_REGIONS.search(line):
                names = [name for name in re.split(r"[,\s]+", match[1]) if re.fullmatch(r"[a-z]{3}", name)]
                if len(set(names)) > 1:
                    found.append(Sign(f"Fly machines in {', '.join(names)}", f"{path}:{number}"))
            if path.endswith((".tf", ".tfvars")) and (match := _TERRAFORM_REGION.match(line)):
                terraform.setdefault(match[1], f"{path}:{number}")
        found += resources({path: text}, topic)
    if any(_FOR_THE_EDGE.search(text) for path, text in files.items() if path.endswith(".tf")):
        terraform.pop("us-east-1", None)
    if len(terraform) > 1:
        found += [Sign(f"Terraform in {', '.join(sorted(terraform))}", place) for place in terraform.values()]
    return found[:_MOST_SIGNS]


def _platform_regions(path: str, text: str) -> Iterator[Sign]:
    body = parsed(text)
    named: list[str] = []
    if isinstance(body.get("regions"), list):
        named = [str(each) for each in body["regions"]]
    deploy = body.get("deploy")
    if isinstance(deploy, dict) and isinstance(deploy.get("multiRegionConfig"), dict):
        named = [str(each) for each in deploy["multiRegionConfig"]]
    if isinstance(body.get("services"), list):
        named = [str(each.get("region")) for each in body["services"] if isinstance(each, dict) and each.get("region")]
    if len(set(named)) > 1:
        yield Sign(f"servers in {', '.join(dict.fromkeys(named))}"[:200], path)


def services(files: Mapping[str, str]) -> list[Sign]:
    """The parts that are built and deployed for themselves, by whichever source names most of them."""
    sources: dict[str, list[Sign]] = {"compose": [], "docker": [], "kubernetes": [], "fly": [], "render": []}
    for path, text in files.items():
        name = path.rpartition("/")[2]
        if "services:" in text and path.endswith((".yml", ".yaml")) and not name.startswith("render."):
            sources["compose"] += _built(path, text)
        if re.search(r"Dockerfile", name):
            sources["docker"].append(Sign(f"an image of {path.rpartition('/')[0] or 'the root'}", path))
        if match := re.match(r"fly[\w.-]*\.toml$", name):
            app = re.search(r"(?m)^app\s*=\s*[\"']([\w-]{1,60})", text)
            plain = re.sub(
                r"[-_]?(?:staging|stage|preview|prod(?:uction)?|dev|test|review)\b", "", app[1] if app else match[0]
            )
            sources["fly"].append(Sign(f"the Fly app {plain}", path))
        for kind, named in re.findall(
            r"(?m)^kind:\s*(Deployment|StatefulSet|DaemonSet)\s*\nmetadata:\s*\n\s+name:\s*([\w.-]{1,80})", text
        ):
            sources["kubernetes"].append(Sign(f"the {kind} {named}", path))
        if name in ("render.yaml", "render.yml"):
            listed = parsed(text).get("services")
            entries = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
            sources["render"] += [Sign(f"the service {each.get('name', '?')}"[:100], path) for each in entries]
    distinct = [list({sign.what: sign for sign in signs}.values()) for signs in sources.values()]
    return max(distinct, key=len)


def _built(path: str, text: str) -> Iterator[Sign]:
    listed = parsed(text).get("services")
    for name, entry in listed.items() if isinstance(listed, dict) else ():
        if isinstance(entry, dict) and "build" in entry:
            yield Sign(f"the service {name}"[:100], path)


def images(files: Mapping[str, str], topic: Topic) -> list[Sign]:
    """Containers and charts of a topic that the configuration runs."""
    found: list[Sign] = []
    for path, text in files.items():
        if not path.endswith((".yml", ".yaml", ".tf", ".hcl")):
            continue
        for number, line in lines(text):
            match = _IMAGE.match(line)
            name = match[1].lower() if match and ("image" in line or "chart" in line or "/" in match[1]) else ""
            what = next((what for part, what in topic.images.items() if name and part in name), "")
            if what:
                found.append(Sign(what, f"{path}:{number}"))
    return found[:_MOST_SIGNS]


def packages(manifests: Mapping[str, str], topic: Topic) -> list[Sign]:
    """Libraries of a topic that a manifest names."""
    found = []
    for path, text in manifests.items():
        for number, named in _named(path, text):
            if what := topic.packages.get(named.lower()):
                found.append(Sign(f"{what}: the library {named}", f"{path}:{number}"))
    return found[:_MOST_SIGNS]


def _named(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Names that may be libraries, with their line; in JSON only those under the dependencies."""
    if path.endswith(".json"):
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            return
        sections = ("dependencies", "devDependencies", "require") if isinstance(body, dict) else ()
        for section in sections:
            entries = body.get(section)
            yield from ((1, str(name)) for name in (entries if isinstance(entries, dict) else ()))
        return
    for number, line in lines(text):
        bare = re.sub(r"#.*|//.*", "", line)
        yield from ((number, name) for name in _NAME.findall(bare)[:20])


def resources(files: Mapping[str, str], topic: Topic) -> list[Sign]:
    """What in configuration and code a topic's patterns name."""
    seen = ((path, *numbered) for path, text in files.items() for numbered in lines(text))
    named = ((path, number, what) for path, number, line in seen for each, what in topic.resources if each.search(line))
    return [Sign(what, f"{path}:{number}") for path, number, what in islice(named, _MOST_SIGNS)]


@dataclass(frozen=True)
class CacheUse:
    """One file that caches by hand: how many calls, and whether it forgets what it has put there."""

    path: str
    line: int
    calls: int
    clears: bool


def caches(path: str, text: str) -> CacheUse | None:
    """The calls of a cache in one file; None where there are none, or where the cache has its own module."""
    if pattern("not_a_cache").search(path) or _CACHE_MODULE.search(path):
        return None
    calls = [
        (number, match)
        for number, line in lines(text[:_MOST_TEXT])
        for match in pattern("call").finditer(line)
        if _is_cache(match)
    ]
    if not calls:
        return None
    return CacheUse(path, calls[0][0], len(calls), any(match["do"] in _CLEARS for _, match in calls))


def _is_cache(match: re.Match[str]) -> bool:
    """A call with a key in it: a table of one's own in memory is asked with a variable, a cache with a text."""
    literal = match["first"][-1] in "\"'`"
    return literal or (match["do"] in ("setex", "setEx", "fetch", "remember", "expire") and match["who"] != "caches")


def wide_joins(path: str, text: str) -> Iterator[Sign]:
    """Statements that join many tables, in code that is not for reports, exports or administrators."""
    if pattern("not_a_screen").search(path):
        return
    text = text[:_MOST_TEXT]
    for start, joins in _statements(text):
        if joins >= MANY_JOINS:
            line = text.count("\n", 0, start) + 1
            yield Sign(f"one statement joins {joins + 1} tables", f"{path}:{line}")


def _statements(text: str) -> Iterator[tuple[int, int]]:
    """Where a statement begins, and how many joins it has."""
    if len(_JOIN.findall(text)) >= MANY_JOINS:
        starts = [match.start() for match in _SELECT.finditer(text)]
        for start, following in pairwise([*starts, len(text)]):
            piece = text[start : min(following, start + _WINDOW)]
            end = _ENDS.search(piece)
            yield start, len(_JOIN.findall(piece[: end.start()] if end else piece))
    chained = [match.start() for match in pattern("chained").finditer(text)]
    place = 0
    while place < len(chained):
        start = chained[place]
        piece = text[start : start + _WINDOW]
        end = _ENDS.search(piece)
        following = bisect_left(chained, start + (end.start() if end else len(piece)), place + 1)
        yield start, following - place
        place = following


def logged_joins(statements: Mapping[str, str]) -> Iterator[Sign]:
    """Statements of the query log (its text by place) that join many tables."""
    for where, statement in statements.items():
        joins = len(_JOIN.findall(statement[:_WINDOW]))
        if joins >= MANY_JOINS:
            yield Sign(f"one statement joins {joins + 1} tables", where)
