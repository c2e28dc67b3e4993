"""Members' flows as steps: what a consultant writes under `flows` where forms cannot be found by themselves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from launchready_lib.parameters.fields import Json, Line, Prose, Section, kind, number, whole, wrong
from launchready_lib.parameters.hosts import HeaderName, StepAddress

STEP_KINDS = ("goto", "fill", "click", "expect", "request", "wait_until", "save")
WORDS = frozenset({"email", "password", "new_password", "name", "n", "link"})
"""The words in braces that every flow knows; names given to `save` come on top."""

Seconds = Annotated[float, number(0.1, 600)]


def _statuses(value: object) -> object:
    return value if isinstance(value, list) else [value]


class Expect(Section):
    """What must be seen: a URL pattern, a text, one of several statuses; within some seconds."""

    url: Line | None = None
    text: Line | None = None
    status: Annotated[list[Annotated[int, whole(100, 599)]], BeforeValidator(_statuses)] = Field(default_factory=list)
    within_s: Seconds | None = None

    @model_validator(mode="after")
    def _something(self) -> Expect:
        if not (self.url or self.text or self.status):
            raise wrong("expected at least one of url, text, status")
        return self


class WaitUntil(Section):
    """What to wait for: the page's URL pattern or text, or, where `url` is a path, that text in its answer."""

    url: Line | None = None
    text: Line | None = None
    within_s: Seconds | None = None

    @model_validator(mode="after")
    def _something(self) -> WaitUntil:
        if not (self.url or self.text):
            raise wrong("expected url, text, or both")
        return self


class RequestStep(Section):
    """A request sent with the session of the flow."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: StepAddress
    json_: Json = Field(default=None, alias="json")
    form: dict[Line, Prose] = Field(default_factory=dict)
    headers: dict[HeaderName, Line] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_body(self) -> RequestStep:
        if self.json_ is not None and self.form:
            raise wrong("takes json or form, not both")
        return self


class Step(Section):
    """One step: exactly one of its attributes is set, and `kind` names it."""

    goto: StepAddress | None = None
    fill: dict[Line, Prose] | None = None
    click: Line | None = None
    expect: Expect | None = None
    request: RequestStep | None = None
    wait_until: WaitUntil | None = None
    save: dict[Line, Line] | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, value: object) -> object:
        if not isinstance(value, dict):
            raise wrong(
                f"a step is one of {', '.join(STEP_KINDS)} with its value, as in goto: /login; got {kind(value)}"
            )
        if len(value) != 1 and set(value) <= set(STEP_KINDS):
            raise wrong("a step holds exactly one kind; start each with its own dash")
        return value

    @property
    def kind(self) -> str:
        """Which of the kinds it is."""
        return next(name for name in STEP_KINDS if getattr(self, name) is not None)


Flow = list[Step]


def _flow() -> Flow:
    return []


class AdminFlows(Section):
    """What an administrator does: see the members, change one subscription."""

    list: Flow = Field(default_factory=_flow)
    change: Flow = Field(default_factory=_flow)


class BulkFlows(Section):
    """What an administrator does to many members at once."""

    export: Flow = Field(default_factory=_flow)
    invites: Flow = Field(default_factory=_flow)
    cohort: Flow = Field(default_factory=_flow)


class Flows(Section):
    """Steps by flow; an empty list means that the forms are found by themselves."""

    signup: Flow = Field(default_factory=_flow)
    login: Flow = Field(default_factory=_flow)
    checkout: Flow = Field(default_factory=_flow)
    profile: Flow = Field(default_factory=_flow)
    password_reset: Flow = Field(default_factory=_flow)
    logout: Flow = Field(default_factory=_flow)
    admin: AdminFlows = Field(default_factory=AdminFlows)
    bulk: BulkFlows = Field(default_factory=BulkFlows)
