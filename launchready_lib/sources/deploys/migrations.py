"""Migrations of the database that going back to the release before does not undo, with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from launchready_lib.evidence import Row

PLACES = re.compile(
    r"(?:^|/)(?:prisma/migrations/[^/]+/migration\.sql|db/migrate/[^/]+\.rb|alembic/versions/[^/]+\.py|migrations/versions/[^/]+\.py|"
    r"(?:[^/]+/)?migrations/\d{4}[^/]*\.py|database/migrations/[^/]+\.php|supabase/migrations/[^/]+\.sql|drizzle/[^/]*\.sql|"
    r"(?:db/)?migrations?/(?:[^/]+/)*[^/]+\.(?:sql|[cm]?[jt]s)|V\d+[\w.]*__[^/]+\.sql|priv/repo/migrations/[^/]+\.exs)$"
)
_DOWN = re.compile(r"(?:\.down\.sql|/down\.sql|_down\.sql|-down\.sql)$|^U\d+.*\.sql$")
_MOST_TEXT = 64 * 1024


@dataclass(frozen=True)
class Irreversible:
    """One migration that cannot be undone."""

    path: str
    why: str

    def row(self) -> Row:
        """The migration as evidence."""
        return {"migration": self.path, "cannot_be_undone": self.why}


def is_migration(path: str) -> bool:
    """A migration, by where it lies; scripts for the way back are none."""
    return PLACES.search(path) is not None and not _DOWN.search(path)


def irreversible(path: str, text: str) -> Iterator[Irreversible]:
    """Why a migration cannot be undone: what it destroys, or a way back that its author left empty."""
    text = text[:_MOST_TEXT]
    suffix = path.rpartition(".")[2]
    reader = {"sql": _sql, "rb": _rails, "py": _python, "php": _laravel, "exs": _ecto}.get(suffix, _javascript)
    for why in dict.fromkeys(reader(text)):
        yield Irreversible(path, why)


_SQL = (
    (r"\bdrop\s+table\b(?:\s+if\s+exists)?\s+[`\"\[]?([\w.]+)", "drops the table {}"),
    (r"\bdrop\s+column\b(?:\s+if\s+exists)?\s+[`\"\[]?(\w+)", "drops the column {}"),
    (r"\bdrop\s+(?:schema|database)\b(?:\s+if\s+exists)?\s+[`\"\[]?(\w+)", "drops {} with all in it"),
    (r"\btruncate\s+(?:table\s+)?[`\"\[]?([\w.]+)", "empties the table {}"),
    (r"\bdelete\s+from\s+[`\"\[]?([\w.]+)", "deletes rows of {}"),
    (r"\balter\s+(?:column\s+)?[`\"\[]?(\w+)[`\"\]]?\s+(?:set\s+data\s+)?type\b", "changes the type of {}"),
    (r"\bmodify\s+(?:column\s+)?[`\"\[]?(\w+)", "changes the type of {}"),
    (r"\balter\s+type\s+[`\"\[]?(\w+)[`\"\]]?\s+add\s+value\b", "adds a value to the type {}, for good"),
    (r"\brename\s+(?:column\s+|to\s+)[`\"\[]?(\w+)", "renames {}, still called so by the release before"),
)  # fmt: skip
_COMMENTS = re.compile(r"--[^\n]*|/\*.{0,2000}?\*/", re.DOTALL)


def _sql(text: str) -> Iterator[str]:
    code = _COMMENTS.sub(" ", text)
    code = (
        re.split(r"(?mi)^\s*--\s*\+goose\s+down|^\s*--\s*migrate:down|^--\s*rollback", text)[0]
        if "own" in text
        else code
    )
    yield from _matches(_COMMENTS.sub(" ", code))


def _matches(code: str) -> Iterator[str]:
    for pattern, words in _SQL:
        for match in re.finditer(pattern, code, re.IGNORECASE):
            yield words.format(match[1])


def _rails(text: str) -> Iterator[str]:
    code = re.sub(r"(?m)^\s*#.*$", "", text)
    if "IrreversibleMigration" in code:
        yield "says itself that it is irreversible"
    back = re.search(r"(?ms)^\s*def down\b(.*?)^\s{0,4}end\b", code)
    if back and not back[1].strip():
        yield "its way back (down) is empty"
    forward = re.split(r"(?m)^\s*def down\b", code)[0]
    for match in re.finditer(r"\bremove_columns?\s+:(\w+),\s*:(\w+)", forward):
        yield f"drops the column {match[1]}.{match[2]}"
    for match in re.finditer(r"\bdrop_table\s+:(\w+)", forward):
        yield f"drops the table {match[1]}"
    for match in re.finditer(r"\bchange_column\s+:(\w+),\s*:(\w+)", forward):
        yield f"changes the type of {match[1]}.{match[2]}"
    for match in re.finditer(r"\b(\w+)\.(?:delete_all|destroy_all)\b", forward):
        yield f"deletes rows of {match[1]}"
    yield from _matches("\n".join(re.findall(r"(?s)\bexecute\b(.*?)(?:\n\s*\n|\Z)", forward)))


def _python(text: str) -> Iterator[str]:
    code = re.sub(r"(?m)^\s*#.*$", "", text)
    for match in re.finditer(
        r"migrations\.(RemoveField|DeleteModel)\(\s*(?:model_name=)?[\"'](\w+)[\"'](?:,\s*(?:name=)?[\"'](\w+)[\"'])?",
        code,
    ):
        name = ".".join(part for part in match.groups()[1:] if part)
        yield f"drops the {'table' if match[1] == 'DeleteModel' else 'column'} {name}"
    for match in re.finditer(r"migrations\.(RunPython|RunSQL)\(((?:[^()]|\([^()]{0,500}\)){0,2000})\)", code):
        arguments = [part for part in re.split(r",(?![^(\[]*[)\]])", match[2]) if part.strip()]
        named = re.search(r"reverse_(?:code|sql)", match[2])
        if not named and len([a for a in arguments if "=" not in a.split("(")[0] or "code=" in a or "sql=" in a]) < 2:
            yield f"{match[1]} without a way back"
    forward, _, back = code.partition("def downgrade(")
    for match in re.finditer(r"op\.(drop_table|drop_column)\(\s*[\"'](\w+)[\"'](?:,\s*[\"'](\w+)[\"'])?", forward):
        name = ".".join(part for part in match.groups()[1:] if part)
        yield f"drops the {'table' if match[1] == 'drop_table' else 'column'} {name}"
    if back and re.match(r"[^:]*:(?:\s|\"\"\".*?\"\"\")*(?:pass|raise\b[^\n]*|\.\.\.)\s*(?:\n\S|\Z)", back, re.DOTALL):
        yield "its way back (downgrade) is empty"
    yield from _matches("\n".join(re.findall(r"(?s)op\.execute\((.{0,4000}?)\)\s*$", forward, re.MULTILINE)))


def _laravel(text: str) -> Iterator[str]:
    forward, _, back = re.sub(r"//[^\n]*|#[^\n]*", "", text).partition("function down(")
    for match in re.finditer(r"dropColumn\(\s*\[?\s*[\"'](\w+)", forward):
        yield f"drops the column {match[1]}"
    for match in re.finditer(r"Schema::drop(?:IfExists)?\(\s*[\"'](\w+)", forward):
        yield f"drops the table {match[1]}"
    if re.search(r"->change\(\)", forward):
        yield "changes the type of a column"
    if back and re.match(r"[^{]*\{\s*\}", back):
        yield "its way back (down) is empty"


def _ecto(text: str) -> Iterator[str]:
    forward = re.split(r"\bdef down\b", re.sub(r"(?m)#.*$", "", text))[0]
    for match in re.finditer(r"\bremove[ (]+:(\w+)", forward):
        yield f"drops the column {match[1]}"
    for match in re.finditer(r"\bdrop(?:_if_exists)?[ (]+table\(:(\w+)", forward):
        yield f"drops the table {match[1]}"


def _javascript(text: str) -> Iterator[str]:
    code = re.sub(r"(?m)//[^\n]*$|/\*[^*]{0,2000}\*/", "", text)
    parts = re.split(r"\bdown\s*(?:[:=]\s*(?:async\s*)?(?:function\b)?|\()", code, maxsplit=1)
    forward, back = parts[0], parts[1] if len(parts) > 1 else ""
    for match in re.finditer(r"\b(?:removeColumn|dropColumn)\(\s*[\"'`](\w+)[\"'`](?:,\s*[\"'`](\w+)[\"'`])?", forward):
        yield "drops the column " + ".".join(part for part in match.groups() if part)
    for match in re.finditer(r"\b(?:dropTable(?:IfExists)?)\(\s*[\"'`](\w+)", forward):
        yield f"drops the table {match[1]}"
    if back and re.match(r"[^{]*\{\s*(?:return\s*(?:Promise\.resolve\(\))?;?)?\s*\}", back):
        yield "its way back (down) is empty"
    yield from _matches("\n".join(re.findall(r"(?s)(?:query|raw|sql)\(?\s*[`\"'](.{0,4000}?)[`\"']", forward)))
