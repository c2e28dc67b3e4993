"""Write what can be derived: notebooks' questions and README's table from the roadmap, the house from its layers.

`python scripts/derive.py` rewrites what is out of date, `--check` only names it (exit code 1 where there is any).
"""

from __future__ import annotations

import ast
import json
import re
import runpy
import sys
from pathlib import Path

from launchready_lib import checks, roadmap
from launchready_lib.paths import PACKAGE

ROOT = Path(__file__).resolve().parents[1]
END = "<!-- /derived -->"


def meaning(question: roadmap.Question) -> str:
    """What yes means: a line for each check, in the catalogue's words."""
    catalogue, lines = roadmap.load().checks, []
    for entry in (catalogue[name] for name in question.checks):
        asks = f", needs `{entry.active}`" if entry.active else ""
        lines.append(f"- {entry.title} (`{entry.id}`, {entry.severity}{asks}): {entry.passes}")
    return "\n".join(lines)


def question_text(question: roadmap.Question, text: str) -> str:
    """A question's Markdown cell with the catalogue's words in their places; the consultant's own paragraphs stay."""
    text = re.sub(r"(\*\*Why it matters to members\.\*\* ).*", lambda m: m[1] + question.matters, text)
    text = re.sub(r"(\*\*What this cannot see\.\*\* ).*", lambda m: m[1] + question.blind, text)
    return re.sub(
        r"(\*\*What yes means\.\*\*\n\n)(?:- .*\n?)+", lambda m: f"{m[1]}{meaning(question)}\n", text, count=1
    )


def notebook_text(stage: roadmap.Stage, text: str) -> str:
    """A notebook with the cells of its questions brought up to date."""
    book = json.loads(text)
    for question in stage.questions:
        for cell in book["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown" and source.startswith(f"## {question.ask}\n"):
                cell["source"] = question_text(question, source).splitlines(keepends=True)
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


def measured_table() -> str:
    """README's table: of each stage, which checks measure."""
    registered = checks.registered()
    lines = ["| stage | measured | checks |", "|---|---|---|"]
    for stage in roadmap.load().stages.values():
        built = [check for check in stage.checks if check in registered]
        groups: dict[str, list[str]] = {}
        for check in built:
            group, _, name = check.partition(".")
            groups.setdefault(group, []).append(name)
        names = ", ".join(f"{group} ({', '.join(each)})" for group, each in groups.items())
        lines.append(f"| {stage.number} {stage.title} | {len(built)} of {len(stage.checks)} | {names} |")
    return "\n".join(lines)


def house() -> str:
    """The library's rooms from the top floor down, each with the first sentence of its own docstring."""
    layers = runpy.run_path(str(ROOT / "tests" / "test_layers.py"))["LAYERS"]
    lines = []
    for floor in layers:
        for room in sorted(floor):
            folder = PACKAGE / room
            file = folder / "__init__.py" if folder.is_dir() else PACKAGE / f"{room}.py"
            said = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
            name = f"{room}/" if folder.is_dir() else f"{room}.py"
            lines.append(f"{name:<13} {' '.join(said.split(chr(10) * 2)[0].split())}")
    return "\n".join(["```", *lines, "```"])


BLOCKS = {"measured checks": measured_table, "house": house}


def with_blocks(text: str) -> str:
    """A document with each of its derived blocks brought up to date."""
    for name, make in BLOCKS.items():
        head, found, rest = text.partition(f"<!-- derived: {name} -->")
        if found:
            text = f"{head}{found}\n{make()}\n{END}{rest.partition(END)[2]}"
    return text


def derived() -> dict[Path, str]:
    """Each file that holds something derived, as it should be."""
    documents = (ROOT / "README.md", ROOT / "docs" / "architecture.md")
    files = {path: with_blocks(path.read_text("utf-8")) for path in documents}
    for stage in roadmap.load().stages.values():
        path = ROOT / "notebooks" / stage.notebook
        files[path] = notebook_text(stage, path.read_text("utf-8"))
    return files


def main() -> int:
    """Rewrite what is out of date, or name it."""
    stale = {path: text for path, text in derived().items() if path.read_text("utf-8") != text}
    for path, text in stale.items():
        print(f"out of date: {path.relative_to(ROOT)}")
        if "--check" not in sys.argv[1:]:
            path.write_text(text, "utf-8")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
