"""Reads in Python, by its own grammar: os.environ, getenv, environs, django-environ, decouple, pydantic-settings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property

from launchready_lib.sources.variables.defined import Need

Found = tuple[str, int, Need]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
_WRAPPER = re.compile(r"(?:^|_)(?:env|getenv|config)(?:_?[a-z]+)?\Z|env\Z", re.IGNORECASE)
_DEMANDING = re.compile(r"require|must|mandatory|ensure|need", re.IGNORECASE)
_PARSERS = re.compile(
    r"(?:str|bool|int|float|list|dict|json|url|db|db_url|cache|cache_url|email_url|search_url|tuple|path|date|datetime|"
    r"decimal|enum|uuid|log_level|timedelta|bytes)\Z"
)
_CASTS = frozenset({"int", "float", "bool", "str"})


def reads(text: str) -> Iterator[Found]:
    """Every read in Python source.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it does not parse.
    """
    if "env" not in text.lower() and "config(" not in text and "BaseSettings" not in text:
        return iter(())
    return iter(list(_Reader(ast.parse(text)).found()))


class _Reader:
    """Walks one module."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
        imported = [
            alias
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "os"
            for alias in node.names
        ]
        self.names_of = {alias.asname or alias.name: alias.name for alias in imported}

    def found(self) -> Iterator[Found]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Subscript):
                yield from self.subscript(node)
            elif isinstance(node, ast.Call):
                yield from self.call(node)
            elif isinstance(node, ast.Compare):
                yield from self.membership(node)
            elif isinstance(node, ast.ClassDef):
                yield from _settings_class(node)

    def subscript(self, node: ast.Subscript) -> Iterator[Found]:
        name = _text(node.slice)
        if name and isinstance(node.ctx, ast.Load) and self.is_environ(node.value):
            yield name, node.lineno, Need.OPTIONAL if self.is_guarded(node, name) else Need.DEMANDED

    def call(self, node: ast.Call) -> Iterator[Found]:
        name = _text(node.args[0]) if node.args else None
        if name is None:
            yield from _declared(node)
            return
        function = node.func
        has_default = len(node.args) > 1 or any(keyword.arg == "default" for keyword in node.keywords)
        asked = function.value if isinstance(function, ast.Attribute) else None
        gets = asked is not None and _last(function) in ("get", "setdefault", "pop") and self.is_environ(asked)
        if gets or self.is_of_os(function, "getenv"):
            optional = has_default or _last(function) == "setdefault"
            yield name, node.lineno, Need.OPTIONAL if optional else self.soft(node)
        elif _is_wrapper(function) and name.isupper():
            demanded = _DEMANDING.search(_last(function)) or not _is_getter(function)
            bare = Need.DEMANDED if demanded else self.soft(node)
            yield name, node.lineno, Need.OPTIONAL if has_default else bare

    def membership(self, node: ast.Compare) -> Iterator[Found]:
        name = _text(node.left)
        if name and isinstance(node.ops[0], ast.In | ast.NotIn) and self.is_environ(node.comparators[0]):
            yield name, node.lineno, Need.TESTED

    def is_environ(self, node: ast.expr) -> bool:
        return self.is_of_os(node, "environ")

    def is_of_os(self, node: ast.expr, name: str) -> bool:
        """`os.environ` or `os.getenv`, or a name imported from os."""
        if isinstance(node, ast.Attribute):
            return node.attr == name and isinstance(node.value, ast.Name) and node.value.id == "os"
        return isinstance(node, ast.Name) and self.names_of.get(node.id) == name

    def soft(self, node: ast.expr) -> Need:
        """A read that gives None where the variable is missing: whatever the code around it makes of that."""
        inner: ast.AST = node
        parent = self.parents.get(inner)
        while isinstance(parent, ast.Attribute) or (
            isinstance(parent, ast.Call) and (parent.func is inner or _last(parent.func) in _CASTS)
        ):
            inner, parent = parent, self.parents.get(parent)
        if isinstance(parent, ast.UnaryOp):
            return self.demanded_by(self.parents.get(parent))
        if isinstance(parent, ast.BoolOp):
            return _in_boolean(parent, inner)
        if isinstance(parent, ast.If | ast.IfExp | ast.While):
            return Need.TESTED if parent.test is inner else Need.ASKED
        if isinstance(parent, ast.Compare):
            return Need.TESTED if _is_none(parent.comparators[0]) else Need.OPTIONAL
        if isinstance(parent, ast.NamedExpr):
            return Need.TESTED
        if isinstance(inner, ast.Call) and _last(inner.func) == "bool":
            return Need.OPTIONAL
        if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
            return self.tests.get(parent.targets[0].id, Need.ASKED)
        return Need.ASKED

    def demanded_by(self, node: ast.AST | None) -> Need:
        """Tell what the branch under `if not read:` makes of it: demanded where it raises or exits."""
        if isinstance(node, ast.If) and any(_ends(statement) for statement in node.body):
            return Need.DEMANDED
        return Need.TESTED

    @cached_property
    def tests(self) -> dict[str, Need]:
        """Names that the module tests: demanded where a failed test ends it."""
        tested: dict[str, Need] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.If | ast.IfExp | ast.BoolOp):
                test = node.values[0] if isinstance(node, ast.BoolOp) else node.test
                subject, negated = _subject(test)
                if isinstance(subject, ast.Name):
                    ends = negated and isinstance(node, ast.If) and any(_ends(statement) for statement in node.body)
                    need = Need.DEMANDED if ends else Need.TESTED
                    tested[subject.id] = max(need, tested.get(subject.id, need))
        return tested

    def is_guarded(self, node: ast.expr, name: str) -> bool:
        """Inside a `try` that catches KeyError, or behind a question that names the variable."""
        parent: ast.AST | None = node
        while parent is not None:
            child, parent = parent, self.parents.get(parent)
            if isinstance(parent, ast.Try) and child in parent.body and any(_catches(h) for h in parent.handlers):
                return not any(_ends(statement) for handler in parent.handlers for statement in handler.body)
            if isinstance(parent, ast.If | ast.IfExp) and child is not parent.test:
                named = (part.value == name for part in ast.walk(parent.test) if isinstance(part, ast.Constant))
                if any(named):
                    return True
        return False


def _in_boolean(node: ast.BoolOp, inner: ast.AST) -> Need:
    """What `read or default`, `other or read` and `read and …` come to."""
    if isinstance(node.op, ast.And):
        return Need.TESTED
    return Need.ASKED if node.values[-1] is inner else Need.OPTIONAL


def _subject(test: ast.expr) -> tuple[ast.expr, bool]:
    """What `x`, `not x`, `x is None` and `x is not None` ask about, and whether they are true without it."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand, True
    if isinstance(test, ast.Compare) and _is_none(test.comparators[0]):
        return test.left, isinstance(test.ops[0], ast.Is | ast.Eq)
    return test, False


def _catches(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return handler.type is None or any(kind is not None and _last(kind) in ("KeyError", "Exception") for kind in kinds)


def _ends(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Raise):
        return True
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and _last(call.func) in ("exit", "_exit", "abort", "fatal")


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _text(node: ast.expr) -> str | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) and _NAME.match(value) else None


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_wrapper(function: ast.expr) -> bool:
    """`env("X")`, `config("X")`, `env.str("X")`, `envbool("X")`, `settings.require_env("X")`."""
    if isinstance(function, ast.Attribute) and _PARSERS.match(function.attr):
        return isinstance(function.value, ast.Name) and _WRAPPER.search(function.value.id) is not None
    return _WRAPPER.search(_last(function)) is not None


def _is_getter(function: ast.expr) -> bool:
    """A project's own `get_env("X")` may well give None; `env("X")` of the known libraries raises."""
    return _last(function).lower().startswith(("get", "read", "fetch", "load", "optional"))


def _declared(node: ast.Call) -> Iterator[Found]:
    """`environ.Env(DEBUG=(bool, False))`: a default for each name."""
    if _last(node.func) in ("Env", "FileAwareEnv"):
        for keyword in node.keywords:
            if keyword.arg and isinstance(keyword.value, ast.Tuple) and len(keyword.value.elts) == 2:
                yield keyword.arg, node.lineno, Need.DECLARED_OPTIONAL


def _settings_class(node: ast.ClassDef) -> Iterator[Found]:
    """Fields of a pydantic-settings class: required without a value, else declared optional."""
    if not any(_last(base).endswith("Settings") for base in node.bases):
        return
    prefix = _prefix(node)
    for statement in node.body:
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        field = statement.target.id
        if field.startswith("_") or field == "model_config" or _last(statement.annotation) == "ClassVar":
            continue
        alias, optional = _field(statement.value)
        yield (
            alias or f"{prefix}{field}".upper(),
            statement.lineno,
            Need.DECLARED_OPTIONAL if optional else Need.DEMANDED,
        )


def _prefix(node: ast.ClassDef) -> str:
    for inner in ast.walk(node):
        if isinstance(inner, ast.keyword) and inner.arg == "env_prefix":
            return _text(inner.value) or ""
        if isinstance(inner, ast.Assign) and any(_last(target) == "env_prefix" for target in inner.targets):
            return _text(inner.value) or ""
    return ""


def _field(value: ast.expr | None) -> tuple[str | None, bool]:
    """A field's alias, and whether it has a default."""
    if value is None:
        return None, False
    if not (isinstance(value, ast.Call) and _last(value.func) == "Field"):
        return None, True
    keywords = {keyword.arg: keyword.value for keyword in value.keywords}
    alias = next((_text(keywords[key]) for key in ("validation_alias", "alias", "env") if key in keywords), None)
    bare = not value.args or (isinstance(value.args[0], ast.Constant) and value.args[0].value is ...)
    return alias, not (bare and "default" not in keywords and "default_factory" not in keywords)
