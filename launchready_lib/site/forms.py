"""Forms of a page, found as a browser's password manager finds them: by autocomplete, type, name and label."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from launchready_lib.site.markup import feed

MAX_HTML = 2_000_000
_USER_AUTOCOMPLETE = ("username", "email")
_USER_WORDS = ("email", "e-mail", "mail", "user", "login")
_SUBMITTED = ("hidden", "checkbox", "radio")


@dataclass(frozen=True)
class Field:
    """One control of a form: its name, type, value, and the words by which a person knows it."""

    name: str
    type: str
    value: str = ""
    autocomplete: str = ""
    words: str = ""
    checked: bool = False


@dataclass(frozen=True)
class Form:
    """A form: where it goes, how, and its controls."""

    action: str
    method: str
    fields: tuple[Field, ...]
    words: str = ""

    @property
    def passwords(self) -> tuple[Field, ...]:
        """The password controls, in order."""
        return tuple(field for field in self.fields if field.type == "password")

    @property
    def user(self) -> Field | None:
        """The control that takes the e-mail address or user name."""
        typed = [f for f in self.fields if f.type in ("email", "text", "tel")]
        rules = (
            lambda f: any(word in f.autocomplete.split() for word in _USER_AUTOCOMPLETE),
            lambda f: f.type == "email",
            lambda f: any(word in f"{f.name} {f.words}".lower() for word in _USER_WORDS),
        )
        return next((f for rule in rules for f in typed if rule(f)), typed[0] if len(typed) == 1 else None)

    def filled(self, /, **values: str) -> dict[str, str]:
        """What a browser would send: preset values, checked boxes, and these."""
        preset = {
            f.name: f.value
            for f in self.fields
            if f.name and (f.type == "hidden" or (f.type in _SUBMITTED and f.checked))
        }
        return preset | values


@dataclass(frozen=True)
class Page:
    """What a reader of a page's HTML meets: forms, links, visible text."""

    url: str
    forms: tuple[Form, ...]
    links: tuple[tuple[str, str], ...]
    text: str

    def login_form(self) -> Form | None:
        """The form that signs a member in: one password, and a place for the name."""
        return next((f for f in self.forms if len(f.passwords) == 1 and f.user is not None), None)

    def way_out(self) -> Form | str | None:
        """How this page signs out: a form (preferred), or a link's address; None where none is seen."""
        for form in self.forms:
            if not form.passwords and _leaves(f"{urlsplit(form.action).path} {form.words}"):
                return form
        return next((url for url, words in self.links if _leaves(f"{urlsplit(url).path} {words}")), None)


def _leaves(words: str) -> bool:
    squeezed = "".join(c for c in words.lower() if c.isalpha())
    return any(word in squeezed for word in ("logout", "signout", "logoff", "abmelden", "deconnexion"))


def read(html: str, url: str) -> Page:
    """Read a page; broken markup gives what can be made of it, never an error."""
    parser = _Reader(url)
    feed(parser, html[:MAX_HTML])
    return parser.page()


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self._url = url
        self._base = url
        self._forms: list[tuple[str, str, list[Field], list[str]]] = []
        self._open_form = False
        self._labels: dict[str, list[str]] = {}
        self._label_for: str | None = None
        self._ids: dict[str, int] = {}
        self._links: list[tuple[str, list[str]]] = []
        self._open_link = False
        self._silent = 0
        self._text: list[str] = []
        self._field_ids: list[dict[int, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in reversed(attrs)}
        self.handle_data(" ")  # a tag parts words, the end of a piece of input does not
        if tag in ("script", "style", "template", "noscript"):
            self._silent += 1
        elif tag == "base" and given.get("href"):
            self._base = _join(self._url, given["href"])
        elif tag == "form":
            action = _join(self._base, given.get("action") or self._url)
            self._forms.append((action, given.get("method", "get").lower(), [], []))
            self._field_ids.append({})
            self._open_form = True
        elif tag == "label":
            self._label_for = given.get("for") or f"around {len(self._labels)}"
        elif tag == "a" and given.get("href"):
            self._links.append((_join(self._base, given["href"]), []))
            self._open_link = True
        elif tag in ("input", "select", "textarea", "button") and self._open_form:
            self._field(tag, given)

    def _field(self, tag: str, given: dict[str, str]) -> None:
        kind = given.get("type", "text" if tag == "input" else "submit" if tag == "button" else tag).lower()
        fields = self._forms[-1][2]
        around = self._label_for if (self._label_for or "").startswith("around ") else None
        if known := around or given.get("id"):
            self._field_ids[-1][len(fields)] = known
        fields.append(
            Field(
                name=given.get("name", ""),
                type=kind,
                value=given.get("value", ""),
                autocomplete=given.get("autocomplete", "").lower(),
                words=f"{given.get('placeholder', '')} {given.get('aria-label', '')}".strip(),
                checked="checked" in given,
            )
        )

    def handle_endtag(self, tag: str) -> None:
        self.handle_data(" ")
        if tag in ("script", "style", "template", "noscript"):
            self._silent = max(0, self._silent - 1)
        elif tag == "form":
            self._open_form = False
        elif tag == "label":
            self._label_for = None
        elif tag == "a":
            self._open_link = False

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        self._text.append(data)
        if self._label_for is not None:
            self._labels.setdefault(self._label_for, []).append(data)
        if self._open_form:
            self._forms[-1][3].append(data)
        if self._open_link:
            self._links[-1][1].append(data)

    def page(self) -> Page:
        forms = []
        for (action, method, fields, words), ids in zip(self._forms, self._field_ids, strict=True):
            labelled = tuple(
                Field(
                    f.name,
                    f.type,
                    f.value,
                    f.autocomplete,
                    _squeezed(f.words, " ", *self._labels.get(ids.get(i, ""), ())),
                    f.checked,
                )
                for i, f in enumerate(fields)
            )
            forms.append(Form(action, method, labelled, _squeezed(*words)))
        links = tuple((url, _squeezed(*words)) for url, words in self._links)
        return Page(self._url, tuple(forms), links, _squeezed(*self._text))


def _squeezed(*parts: str) -> str:
    """Pieces of text as one, white space collapsed."""
    return " ".join("".join(parts).split())


def _join(base: str, address: str) -> str:
    try:
        return urljoin(base, address)
    except ValueError:
        return base
