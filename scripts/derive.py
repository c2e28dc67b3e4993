"""Write what can be derived: the notebooks' questions from the roadmap, and README's table of measured checks.

`python scripts/derive.py` rewrites what is out of date, `--check` only names it (exit code 1 where there is any).
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from launchready_lib import checks, roadmap

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- derived: measured checks -->", "<!-- /derived -->"


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


def readme_text(text: str) -> str:
    """The README with its table brought up to date."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{measured_table()}\n{END}{tail}"


def derived() -> dict[Path, str]:
    """Each file that holds something derived, as it should be."""
    files = {ROOT / "README.md": readme_text((ROOT / "README.md").read_text("utf-8"))}
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
