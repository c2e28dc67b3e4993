"""The deployment map: what lies between a member's browser and the database, as a picture and in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from launchready_lib.record.audit import Audit
from launchready_lib.report.words import TABLES

LAYERS: dict[str, str] = TABLES["layers"]
_ROUTE = ("member", "name", "address", "edge", "host", "app", "database")
MAX_NODES, MAX_EDGES, MAX_IN_LAYER = 60, 120, 8
_SIGNS = {"ok": "", "unknown": "? ", "fault": "✕ "}


@dataclass(frozen=True)
class Node:
    """A station on the way; `state` says whether it was seen, is missing from what we know, or is at fault."""

    id: str
    label: str
    kind: str
    detail: str = ""
    state: Literal["ok", "unknown", "fault"] = "ok"


def station(kind: str, label: str, detail: str = "", state: Literal["ok", "unknown", "fault"] = "ok") -> Node:
    """A station known by its kind and label."""
    return Node(f"{kind} {label}", label, kind, detail, state)


@dataclass(frozen=True)
class RouteMap:
    """The stations by layer, and who hands requests to whom."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]

    def layer(self, kind: str) -> list[Node]:
        """The stations of one layer."""
        return [node for node in self.nodes if node.kind == kind]

    @property
    def words(self) -> list[str]:
        """The map in words, a line per layer."""
        found = ((LAYERS[kind], [_named(node) for node in self.layer(kind)]) for kind in LAYERS)
        return [f"{title}: {', '.join(names)}" for title, names in found if names]


@dataclass(frozen=True)
class Box:
    """A station as drawn: its corner, size and the lines of text in it."""

    node: Node
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]
    full: str

    @property
    def text_top(self) -> float:
        """The baseline of the first line, so that all lines stand in the middle."""
        return self.y + self.height / 2 - (len(self.lines) - 1) * 7.5 + 4


@dataclass
class Drawing:
    """Boxes, arrows (SVG path data) and the layers' headings (text, x, y) on a canvas."""

    width: float
    height: float = 0.0
    boxes: list[Box] = field(default_factory=list)
    arrows: list[str] = field(default_factory=list)
    headings: list[tuple[str, float, float]] = field(default_factory=list)


def route_map(audit: Audit) -> RouteMap:
    """The map that the quick audit recorded, or else what the checks saw.

    The deliverable `deployment_map` holds {nodes: [{id, label, kind, detail, state}], edges: [{from, to}]}; kinds are
    those of `LAYERS`, states ok, unknown and fault.
    """
    body = next((d.data for d in audit.deliverables if d.id == "deployment_map"), None)
    recorded = _recorded(body) if isinstance(body, Mapping) else None
    return recorded or _seen(audit)


def wide(route: RouteMap) -> Drawing:
    """Layers side by side, left to right."""
    kinds = [kind for kind in _ROUTE if route.layer(kind)]
    width, gap, height, step = 106.0, 20.0, 58.0, 70.0
    drawing = Drawing(len(kinds) * (width + gap) - gap + 4)
    tallest = max(min(len(route.layer(kind)), MAX_IN_LAYER) for kind in kinds)
    for column, kind in enumerate(kinds):
        x, nodes = 2 + column * (width + gap), _cut(route.layer(kind))
        top = 34 + (tallest - len(nodes)) * step / 2
        drawing.headings.append((LAYERS[kind], x, 16))
        drawing.boxes += [_box(n, x, top + row * step, width, height, 14) for row, n in enumerate(nodes)]
    drawing.height = 34 + tallest * step
    at = {box.node.id: box for box in drawing.boxes}
    for source, target in route.edges:
        if (a := at.get(source)) and (b := at.get(target)) and b.x > a.x:
            drawing.arrows.append(_arrow(a, b, drawing))
    _third_parties(route, drawing, width, gap, height)
    return drawing


def narrow(route: RouteMap) -> Drawing:
    """Layers below each other, for a phone; an arrow leads from each to the next."""
    drawing, y = Drawing(320.0), -18.0
    for kind in [kind for kind in LAYERS if route.layer(kind)]:
        if drawing.boxes and kind != "third_party":
            drawing.arrows.append(f"M160 {y - 6:.0f}V{y + 14:.0f}")
        y += 34
        drawing.headings.append((LAYERS[kind], 2, y))
        y += 8
        for node in _cut(route.layer(kind)):
            drawing.boxes.append(_box(node, 2, y, 316, 46, 44))
            y += 54
    drawing.height = y
    return drawing


def _third_parties(route: RouteMap, drawing: Drawing, width: float, gap: float, height: float) -> None:
    others = _cut(route.layer("third_party"))
    if not others:
        return
    per_row = max(1, int((drawing.width + gap) // (width + gap)))
    drawing.headings.append((f"{LAYERS['third_party']} that pages load or call", 2, drawing.height + 18))
    top = drawing.height + 30
    for place, node in enumerate(others):
        x, y = 2 + place % per_row * (width + gap), top + place // per_row * (height + 14)
        drawing.boxes.append(_box(node, x, y, width, height, 14))
    drawing.height = top + (len(others) - 1) // per_row * (height + 14) + height + 4


def _box(node: Node, x: float, y: float, width: float, height: float, letters: int) -> Box:
    left = _SIGNS[node.state] + node.label
    lines: list[str] = []
    while len(left) > letters and len(lines) < 2:  # break behind a dot, hyphen or space where there is one
        place = max(left.rfind(mark, 0, letters) for mark in ".- :") + 1
        lines.append(left[: place or letters].strip())
        left = left[place or letters :].strip()
    lines.append(left)
    if node.detail:
        lines.append(node.detail)
    cut = tuple(line if len(line) <= letters else line[: letters - 1] + "…" for line in lines)
    return Box(node, x, y, width, height, cut, _named(node))


def _arrow(a: Box, b: Box, drawing: Drawing) -> str:
    """From one box to another; past the boxes of the layers between them, where the way leaves some out."""
    x1, y1, x2, y2 = a.x + a.width, a.y + a.height / 2, b.x - 5, b.y + b.height / 2
    passed = [box for box in drawing.boxes if a.x < box.x < b.x]
    if not passed:
        return f"M{x1:.0f} {y1:.0f}{_curve(x1, y1, x2, y2)}"
    over, under = min(box.y for box in passed) - 7, max(box.y + box.height for box in passed) + 7
    lane = over if abs(y1 - over) + abs(y2 - over) < abs(y1 - under) + abs(y2 - under) else under
    drawing.height = max(drawing.height, lane + 4)
    left, right = min(box.x for box in passed), max(box.x + box.width for box in passed)
    return f"M{x1:.0f} {y1:.0f}{_curve(x1, y1, left, lane)}H{right:.0f}{_curve(right, lane, x2, y2)}"


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    middle = (x1 + x2) / 2
    return f"C{middle:.0f} {y1:.0f} {middle:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"


def _cut(nodes: list[Node]) -> list[Node]:
    if len(nodes) <= MAX_IN_LAYER:
        return nodes
    left = len(nodes) - MAX_IN_LAYER + 1
    return [*nodes[: MAX_IN_LAYER - 1], Node(f"more-{nodes[0].kind}", f"and {left} more", nodes[0].kind)]


def _named(node: Node) -> str:
    words = {"ok": "", "unknown": " (not known)", "fault": " (at fault)"}[node.state]
    return f"{node.label}{f', {node.detail}' if node.detail else ''}{words}"


def _recorded(body: Mapping[str, Any]) -> RouteMap | None:
    raw_nodes, raw_edges = body.get("nodes"), body.get("edges")
    if not isinstance(raw_nodes, list):
        return None
    nodes = [
        Node(
            id=str(each["id"])[:200],
            label=str(each.get("label") or each["id"])[:200],
            kind=str(each.get("kind")) if str(each.get("kind")) in LAYERS else "host",
            detail=str(each.get("detail") or "")[:200],
            state=each["state"] if isinstance(each.get("state"), str) and each["state"] in _SIGNS else "ok",
        )
        for each in raw_nodes[:MAX_NODES]
        if isinstance(each, Mapping) and "id" in each
    ]
    edges = [
        (str(each["from"]), str(each["to"]))
        for each in (raw_edges if isinstance(raw_edges, list) else [])[:MAX_EDGES]
        if isinstance(each, Mapping) and "from" in each and "to" in each
    ]
    return RouteMap(tuple(nodes), tuple(edges)) if nodes else None


def _seen(audit: Audit) -> RouteMap:
    """Names, addresses and providers from the evidence; what nobody looked at stands there as not known."""
    findings = audit.by_check
    rows = [row for check in ("domain.resolves", "hosting.provider") for row in findings[check].evidence]
    names = _unique(_first(row, "name", "host") for row in rows)[:MAX_IN_LAYER]
    pairs = [(_first(row, "name", "host"), a) for row in rows for a in _addresses(row)]
    providers = _unique(_first(row, "served_by") for row in findings["hosting.provider"].evidence)
    edge = _unique(_first(row, "edge") for row in findings["hosting.provider"].evidence)
    nodes = [Node("member", "A member's browser", "member")]
    nodes += [station("name", name) for name in names]
    nodes += [station("address", address) for address in _unique(a for _, a in pairs)]
    for kind, found in (("edge", edge), ("host", providers), ("app", []), ("database", [])):
        nodes += [station(kind, label) for label in found]
        if not found:
            nodes.append(Node(kind, "not known", kind, state="unknown"))
    edges = [("member", f"name {name}") for name in names]
    edges += [(f"name {name}", f"address {a}") for name, a in dict.fromkeys(pairs)]
    layers = [[n.id for n in nodes if n.kind == kind] for kind in ("address", "edge", "host", "app", "database")]
    edges += [(a, b) for near, far in pairwise(layers) for a in near for b in far]
    return RouteMap(tuple(nodes), tuple(edges))


def _addresses(row: Mapping[str, Any]) -> Iterator[str]:
    found = _first(row, "address", "answer", "addresses")
    yield from (part for part in found.replace(",", " ").split() if part.count(".") == 3 or part.count(":") > 1)


def _first(row: Mapping[str, Any], *columns: str) -> str:
    return next((str(row[c])[:200] for c in columns if isinstance(row.get(c), str) and row[c]), "")


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
