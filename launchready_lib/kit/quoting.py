"""The kit's templates, and texts made safe for the place in a file where they stand: what cannot be, is refused.

Some of what the kit prints comes from the client's site and DNS, so it may try to break out of a string. Each function
here writes one text as one value of one syntax, and the templates take nothing but what came through one of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from launchready_lib.paths import PACKAGE

_LONGEST_COMMENT = 300
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_TOKEN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,118}[A-Za-z0-9])?")
_NAME = re.compile(r"(?:\*\.)?(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}")
_LONGEST_NAME = 253


class Quoted(str):
    """Text that is safe where it stands."""

    __slots__ = ()


class UnquotableError(ValueError):
    """A text that a syntax cannot hold as one value; the message names the syntax, never the text."""


def _printable(text: str, syntax: str, refused: str = "") -> str:
    if not _PRINTABLE.fullmatch(text) or any(char in text for char in refused):
        raise UnquotableError(f"a text cannot be written as one value of {syntax}")
    return text


def is_plain_name(name: str) -> bool:
    """Whether a DNS name needs no escape in any syntax (RFC 1123 section 2.1, and the underscore of service names)."""
    return len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None


def token(text: str) -> Quoted:
    """A word of letters, digits, "_", "." and "-" that may stand bare: a header's, cookie's or variable's name."""
    if not _TOKEN.fullmatch(text):
        raise UnquotableError("a text is no plain word")
    return Quoted(text)


def comment(text: str) -> Quoted:
    """What may follow a line comment's sign in any syntax: one line, nothing that ends a comment or a PHP block."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return Quoted(line[:_LONGEST_COMMENT].replace("?>", "? >"))


def _string(syntax: str, mark: str = '"', *, refused: str = "") -> Callable[[str], Quoted]:
    """The quoting of a syntax whose strings stand between two marks, and hold a mark or a backslash behind another."""

    def quote(text: str) -> Quoted:
        body = "".join(f"\\{char}" if char in f"\\{mark}" else char for char in _printable(text, syntax, refused))
        return Quoted(f"{mark}{body}{mark}")

    return quote


def hcl(text: str) -> Quoted:
    """A quoted string of Terraform's language, in which "${" and "%{" start templates."""
    return Quoted(_string("HCL")(text).replace("${", "$${").replace("%{", "%%{"))


def rule(text: str) -> Quoted:
    """A string inside a Cloudflare expression, which itself stands in a quoted string of Terraform's language."""
    return Quoted(hcl(_string("a Cloudflare expression")(text))[1:-1])


def javascript(text: str) -> Quoted:
    """A string literal of JavaScript and of JSON (ECMA-404); every character outside ASCII is escaped."""
    return Quoted(json.dumps(text))


def line(text: str) -> Quoted:
    """The rest of a line in a file without quoting, such as Netlify's _headers; no white space at either end."""
    if text != text.strip() or not text:
        raise UnquotableError("a text cannot be the rest of a line")
    return Quoted(_printable(text, "a line"))


def word(text: str) -> Quoted:
    """One word between spaces in a file without quoting, such as an address in Netlify's _redirects."""
    return Quoted(_printable(text, "a word", " #")) if text else line(text)


def padded(text: Quoted, width: int) -> Quoted:
    """A quoted text with spaces after it, so that a column of them is aligned."""
    if not isinstance(text, Quoted):
        raise TypeError("only what is quoted may be padded")
    return Quoted(text.ljust(width))


def code(text: str) -> Quoted:
    """A command, path or name as Markdown shows it, on one line."""
    return Quoted(f"`{comment(text.replace('`', ' '))}`")


def cell(text: str) -> Quoted:
    """One cell of a Markdown table."""
    return Quoted(comment(text).replace("|", "\\|"))


FILTERS: dict[str, Callable[..., Quoted]] = {
    **{each.__name__: each for each in (token, comment, hcl, rule, javascript, line, word, padded, code, cell)},
    "nginx": _string("nginx", refused="$"),  # which starts a variable there, and has no escape
    "caddy": _string("a Caddyfile", refused="{}\\"),  # a placeholder's braces have no escape that every version knows
    "python": _string("Python"),
    "single": _string("Ruby or PHP", "'"),  # nothing is interpolated in it
}
"""The templates' filters, by name."""


class UnquotedError(TypeError):
    """A template prints a value that no filter has made safe: a mistake in the template."""


def render(template: str, **values: Any) -> str:
    """Fill in a template (a path below templates/); `UnquotableError` where its syntax cannot hold a value."""
    return _environment().get_template(f"{template}.j2").render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PACKAGE / "kit" / "templates"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - no HTML is made here; `finalize` refuses what was not quoted for its syntax
        finalize=_quoted,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= FILTERS
    return environment


def _quoted(value: object) -> str:
    if isinstance(value, Quoted):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise UnquotedError(f"a template prints a {type(value).__name__} that was not quoted")
