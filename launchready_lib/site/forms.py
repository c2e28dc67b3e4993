"""Forms of a page, found as a browser's password manager finds them: by autocomplete, type, name and label."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from launchready_lib.record.html_events import UNSEEN, End, Start, Text, events
from launchready_lib.site.markup import joined

MAX_HTML = 2_000_000


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
        return tuple(f for f in self.fields if f.type == "password")

    @property
    def user(self) -> Field | None:
        """The control that takes the e-mail address or user name."""
        typed = [f for f in self.fields if f.type in ("email", "text", "tel")]
        rules = (
            lambda f: any(word in f.autocomplete.split() for word in ("username", "email")),
            lambda f: f.type == "email",
            lambda f: any(word in f"{f.name} {f.words}".lower() for word in ("mail", "user", "login")),
        )
        return next((f for rule in rules for f in typed if rule(f)), typed[0] if len(typed) == 1 else None)

    def filled(self, /, **values: str) -> dict[str, str]:
        """What a browser would send: preset values, checked boxes, and these."""
        preset = (f for f in self.fields if f.type == "hidden" or (f.checked and f.type in ("checkbox", "radio")))
        return {f.name: f.value for f in preset if f.name} | values


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


@dataclass
class _Draft:
    """A form under way: its controls, each with the label or id that names it, and its words."""

    action: str
    method: str
    controls: list[tuple[Field, str]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


def read(html: str, url: str) -> Page:
    """Read a page; broken markup gives what can be made of it, never an error."""
    base, label = url, ""
    drafts: list[_Draft] = []
    links: list[tuple[str, list[str]]] = []
    labels: dict[str, list[str]] = {}
    text: list[str] = []
    open_ = {"page": text}
    for event in events(html[:MAX_HTML]):
        words = " "  # a tag parts words, the end of a piece of input does not
        if isinstance(event, Text):
            words = "" if event.inside & UNSEEN else event.data
        for collected in open_.values():
            collected.append(words)
        match event:
            case Start("base", {"href": reference}):
                base = joined(url, reference)
            case Start("form", given):
                drafts.append(_Draft(joined(base, given.get("action") or url), given.get("method", "get").lower()))
                open_["form"] = drafts[-1].words
            case Start("label", given):
                label = given.get("for") or f"around {len(labels)}"
                open_["label"] = labels.setdefault(label, [])
            case Start("a", {"href": reference}) if reference:
                links.append((joined(base, reference), []))
                open_["a"] = links[-1][1]
            case Start("input" | "select" | "textarea" | "button" as tag, given) if "form" in open_:
                known = label if "label" in open_ and label.startswith("around ") else given.get("id", "")
                drafts[-1].controls.append((_field(tag, given), known))
            case End("form" | "label" | "a" as tag):
                open_.pop(tag, None)
    forms = []
    for draft in drafts:
        fields = [replace(f, words=_squeezed([f.words, " ", *labels.get(known, ())])) for f, known in draft.controls]
        forms.append(Form(draft.action, draft.method, tuple(fields), _squeezed(draft.words)))
    return Page(url, tuple(forms), tuple((to, _squeezed(words)) for to, words in links), _squeezed(text))


def _field(tag: str, given: dict[str, str]) -> Field:
    return Field(
        name=given.get("name", ""),
        type=given.get("type", {"input": "text", "button": "submit"}.get(tag, tag)).lower(),
        value=given.get("value", ""),
        autocomplete=given.get("autocomplete", "").lower(),
        words=f"{given.get('placeholder', '')} {given.get('aria-label', '')}".strip(),
        checked="checked" in given,
    )


def _squeezed(parts: list[str]) -> str:
    """Pieces of text as one, white space collapsed."""
    return " ".join("".join(parts).split())
