"""Declared flows: the steps of `flows` in a parameters file, run in a real browser page."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from launchready_lib.evidence import Unavailable
from launchready_lib.site import web

if TYPE_CHECKING:
    from playwright.async_api import Locator
    from playwright.async_api import Page as BrowserPage
    from playwright.async_api import Response as BrowserResponse

    from launchready_lib.client import Client
    from launchready_lib.network import Response, Session
    from launchready_lib.parameters.flows import Expect, RequestStep, Step, WaitUntil

STEP_S = 10.0
_WORD = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


_TARGET = """field => {
  const action = Object.getOwnPropertyDescriptor(HTMLFormElement.prototype, 'action').get;
  return [document.URL, field.form ? action.call(field.form) : ''];
}"""
_OPEN_WORDS = ("email", "name", "n")
"""Words that are no secret; any other that a flow fills in is kept to hosts in scope."""


class StepFailedError(Exception):
    """A step did not do or find what it should; says which, what was seen instead, and what would help."""

    def __init__(self, text: str, needs: str = "") -> None:
        super().__init__(text)
        self.needs = needs


@dataclass
class Walk:
    """A flow under way: the page, the words known so far, and the last status seen."""

    client: Client
    page: BrowserPage
    session: Session
    words: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    answer: Response | None = None


async def walk(steps: Sequence[Step], state: Walk) -> None:
    """Run the steps in order; raises StepFailedError at the first that fails."""
    from playwright.async_api import Error  # noqa: PLC0415 - only where a browser runs

    def heard(reply: BrowserResponse) -> None:
        with suppress(Error):  # a frame may be gone by then
            if reply.request.is_navigation_request() and reply.frame.parent_frame is None:
                state.status, state.answer = reply.status, None

    with listening(state.page, response=heard), state.client.network.guard.watching() as stopped:
        for number, step in enumerate(steps, 1):
            try:
                await _DO[step.kind](getattr(step, step.kind), state)
            except (Error, StepFailedError) as error:
                seen = str(error)
                if isinstance(error, Error):
                    seen = seen.splitlines()[0].partition(" at http")[0][:200]  # addresses may hold reset tokens
                kept = web.kept_in(stopped) or Unavailable(seen, getattr(error, "needs", ""))
                raise StepFailedError(f"step {number} ({step.kind}): {kept.reason}", kept.needs) from None


@contextmanager
def listening(page: Any, **handlers: Callable[[Any], object]) -> Iterator[None]:
    """Have a page's events handled, by name, for a while."""
    for event, handler in handlers.items():
        page.on(event, handler)
    try:
        yield
    finally:
        for event, handler in handlers.items():
            page.remove_listener(event, handler)


def fill_words(text: str, words: Mapping[str, str]) -> str:
    """Put known words in place of {word}; unknown ones stay as they are."""
    return _WORD.sub(lambda match: words.get(match[1], match[0]), text)


async def _goto(address: str, state: Walk) -> None:
    reply = await state.page.goto(web.address(state.client, fill_words(address, state.words)), timeout=STEP_S * 1000)
    state.status = reply.status if reply else None


async def may_type(client: Client, field: Locator, *secrets: str) -> None:
    """Keep secrets to hosts in scope, before they are typed; raises `StepFailedError` where the form is of another."""
    guard, frame_and_form = client.network.guard, await field.evaluate(_TARGET, timeout=STEP_S * 1000)
    for url in (field.page.url, *frame_and_form):
        if (host := web.host_of(str(url))) and not guard.inside(host):
            why = f"what is typed there is for {host}, which authorization.hosts does not name, so it was not typed"
            raise StepFailedError(why, web.name_host(host))
    guard.arm(*secrets)


async def _fill(fields: Mapping[str, str], state: Walk) -> None:
    for selector, text in fields.items():
        words = [word for word in _WORD.findall(text) if word in state.words and word not in _OPEN_WORDS]
        if words:
            await may_type(state.client, state.page.locator(selector).first, *(state.words[word] for word in words))
        await state.page.fill(selector, fill_words(text, state.words), timeout=STEP_S * 1000)


async def _click(selector: str, state: Walk) -> None:
    await state.page.click(selector, timeout=STEP_S * 1000)


async def _expect(expected: Expect, state: Walk) -> None:
    limit = (expected.within_s or STEP_S) * 1000
    if expected.url:
        await state.page.wait_for_url(fill_words(expected.url, state.words), timeout=limit, wait_until="commit")
    if expected.text:
        wanted = fill_words(expected.text, state.words)
        if state.answer is not None:
            if wanted not in state.answer.text:
                raise StepFailedError("the text is not in the answer")
        else:
            await state.page.get_by_text(wanted).first.wait_for(timeout=limit)
    if expected.status and state.status not in expected.status:
        raise StepFailedError(f"status {state.status}, expected {' or '.join(map(str, expected.status))}")


async def _request(wanted: RequestStep, state: Walk) -> None:
    for cookie in await state.page.context.cookies():
        state.session.cookies.set(cookie["name"], cookie["value"], cookie["domain"], cookie["path"])
    reply = await state.session.request(
        wanted.method,
        web.address(state.client, fill_words(wanted.url, state.words)),
        json=_filled(wanted.json_, state.words) if wanted.json_ is not None else None,
        form={k: fill_words(v, state.words) for k, v in wanted.form.items()} or None,
        headers={k: fill_words(v, state.words) for k, v in wanted.headers.items()},
        verify=True,
    )
    if not reply.ok:
        raise StepFailedError(reply.error or reply.state)
    state.answer, state.status = reply, reply.status


async def _wait_until(wanted: WaitUntil, state: Walk) -> None:
    limit = wanted.within_s or STEP_S
    if wanted.url and wanted.url.startswith("/") and wanted.text:
        url, end = web.address(state.client, fill_words(wanted.url, state.words)), time.monotonic() + limit
        while True:
            reply = await state.session.request("GET", url, verify=True)
            if reply.ok and fill_words(wanted.text, state.words) in reply.text:
                state.answer, state.status = reply, reply.status
                return
            if time.monotonic() > end:
                raise StepFailedError(f"the text did not appear within {limit:g} s")
            await state.page.wait_for_timeout(250)
    if wanted.url:
        await state.page.wait_for_url(fill_words(wanted.url, state.words), timeout=limit * 1000)
    if wanted.text:
        await state.page.get_by_text(fill_words(wanted.text, state.words)).first.wait_for(timeout=limit * 1000)


async def _save(names: Mapping[str, str], state: Walk) -> None:
    for name, where in names.items():
        if state.answer is not None and where.startswith("$"):
            state.words[name] = _at(state.answer, where)
        else:
            state.words[name] = (await state.page.text_content(where, timeout=STEP_S * 1000) or "").strip()


def _at(answer: Response, path: str) -> str:
    """A value of a JSON answer by a path such as $.data.0.id."""
    try:
        return str(value_at(json.loads(answer.body), path.removeprefix("$").strip(".")))
    except (ValueError, LookupError, TypeError):
        raise StepFailedError(f"the answer has nothing at {path}") from None


def value_at(value: Any, path: str) -> Any:
    """What stands in JSON at a path such as data.0.id; ValueError, LookupError or TypeError where nothing does."""
    for key in path.split("."):
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return fill_words(value, words)
    if isinstance(value, Mapping):
        return {key: _filled(item, words) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, words) for item in value]
    return value


_DO: dict[str, Any] = {
    "goto": _goto,
    "fill": _fill,
    "click": _click,
    "expect": _expect,
    "request": _request,
    "wait_until": _wait_until,
    "save": _save,
}
