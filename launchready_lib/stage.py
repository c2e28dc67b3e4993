"""What a notebook talks to: open a stage, judge, show, note, and read what earlier stages recorded.

Everything that must travel is a cell output. Findings go out as HTML for people and as
`application/vnd.launchready.finding+json` for programs; all else as `application/vnd.launchready.record+json`
{kind, data, recorded_at}, with these kinds:

    client       name, slug, domain, release and what else of the parameters the report shows
    stage        id, started, finished (null while it runs)
    note         stage, text
    baseline     target id or series -> value
    deliverable  id, stage, status (made, partial, unknown), reason, file, data
    kit          name, text: a file for kit/; fixes: ids of the checks whose fix it is
    traffic      requests (host -> number), blocked (host, port, reason)
    cooldown     until (ISO time), reason: later stages wait for it
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from launchready_lib import parameters, roadmap
from launchready_lib.checks import unjudged
from launchready_lib.client import Client
from launchready_lib.evidence import Unavailable
from launchready_lib.record import exhibits, sheets
from launchready_lib.record.exhibits import PLOTLY_MIME, Chart, table_of
from launchready_lib.record.findings import FINDING_MIME, RECORD_MIME, Finding, Status, Verdict
from launchready_lib.redact import Redactor

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure

    from launchready_lib.kit import Kit

LONGEST_COOLDOWN_S = 120.0

Bundle = dict[str, Any]
Publish = Callable[[Bundle, dict[str, Any]], None]
Shown = TypeVar("Shown")


class Stage:
    """One stage (`entry`) of one client's audit, as a notebook runs it; `record_folder` has the executed ones."""

    def __init__(
        self, stage_id: str, client: Client, *, record: Path, redactor: Redactor, publish: Publish | None = None
    ) -> None:
        self.client = client
        self.entry = roadmap.load().stages[stage_id]
        self.record_folder = record
        self._redactor = redactor
        self._send = publish or _publish_in_kernel
        self._started = _now()
        self._judged: dict[str, Finding] = {}
        self._delivered: set[str] = set()
        self.record("client", _client_facts(client))
        self.record("stage", {"id": stage_id, "started": self._started, "finished": None})

    def judge(self, *verdicts: Verdict) -> None:
        """Make findings of verdicts (see `Client.settled`) and show them; the last one of a check counts.

        Raises `ValueError` where a verdict is not of this stage.
        """
        for verdict in verdicts:
            if verdict.check not in self.entry.checks:
                raise ValueError(f"{verdict.check or 'a verdict without a check'} is not of stage {self.entry.id}")
            found = self._judged[verdict.check] = self.client.settled(verdict)
            body = self._redactor.finding(found.to_json())
            shown = Finding.from_json(body)
            html, text = exhibits.finding_html(shown), exhibits.finding_text(shown)
            bundle = {FINDING_MIME: body, "text/html": html, "text/plain": text}
            self._publish(bundle, {FINDING_MIME: {"recorded_at": _now()}})

    def show(self, shown: Shown, caption: str = "") -> Shown | None:
        """Show a chart, or a table (data frame, evidence rows) with a caption; the rest is returned for the cell."""
        if isinstance(shown, Unavailable):
            self._publish({"text/plain": f"Nothing to show: {shown.reason}"}, {})
            return None
        if isinstance(shown, Chart):
            self.chart(shown.figure, caption=caption or shown.caption, table=shown.rows)
            return None
        if hasattr(shown, "to_dict") and hasattr(shown, "columns"):
            frame = self._redactor.frame(cast("pd.DataFrame", shown))  # before it is cut
            bundle = {"text/html": exhibits.frame_html(frame), "text/plain": frame.to_string(index=False)}
            self._publish(bundle, {"caption": caption})
            return None
        if isinstance(shown, Sequence) and shown and all(isinstance(row, Mapping) for row in shown):
            html = exhibits.table_html(table_of(self._redactor.value(list(shown)), caption=caption))
            self._publish({"text/html": html, "text/plain": caption}, {"caption": caption})
            return None
        return shown

    def chart(self, figure: Figure, *, caption: str, table: Sequence[Mapping[str, Any]]) -> None:
        """Show a plotly figure, with the same figures as a table for print, screen readers and pages without script."""
        bundle = {
            PLOTLY_MIME: _jsonable(figure.to_plotly_json() | {"config": {"displaylogo": False}}),
            "text/html": exhibits.table_html(table_of(self._redactor.value(list(table)), caption=caption)),
            "text/plain": caption,
        }
        self._publish(bundle, {"caption": caption})

    def note(self, text: str) -> None:
        """Carry a consultant's remark into the report, as plain text."""
        self.record("note", {"stage": self.entry.id, "text": str(text)}, shown=f"Note for the report: {text}")

    def baseline(self, **values: float | Mapping[str, Any] | None) -> None:
        """Record measured figures by target id, or named series, for the next release to be compared with."""
        self.record("baseline", values)

    def deliver(
        self,
        deliverable: str,
        status: Literal["made", "partial", "unknown"],
        *,
        reason: str | None = None,
        data: Mapping[str, Any] | None = None,
        file: str | None = None,
        text: str | None = None,
    ) -> None:
        """Record one of the stage's deliverables; `file` and `text` also make it a file of the kit.

        Raises `ValueError` where the roadmap's stage has no such deliverable.
        """
        if deliverable not in self.entry.deliverables:
            raise ValueError(f"stage {self.entry.id} has no deliverable {deliverable}")
        self._delivered.add(deliverable)
        if file and text is not None:
            self.record("kit", {"name": file, "text": text})
        body = {"id": deliverable, "stage": self.entry.id, "status": status, "reason": reason, "file": file}
        self.record("deliverable", body | {"data": dict(data or {})})

    @property
    def judged(self) -> dict[str, Finding]:
        """The answers so far, by check, each as judged last."""
        return dict(self._judged)

    @property
    def failures(self) -> dict[str, Finding]:
        """What failed as judged last, by check: what the kit is made for."""
        return {check: found for check, found in self._judged.items() if found.status is Status.FAIL}

    def kit(self, made: Kit) -> None:
        """Record the files that fix what failed, and the deliverables that go with them; shows what each is for."""
        for each in made.files:
            self.record("kit", {"name": each.name, "text": each.text, "fixes": list(each.fixes)})
        for one in made.deliveries:
            self.deliver(one.id, one.status, reason=one.reason, data=one.data, file=one.file)
        if made.problem:
            self.note(made.problem)
        rows = [{"file": f"kit/{each.name}", "fixes": ", ".join(each.fixes)} for each in made.files]
        self.show(rows or [{"file": "none", "fixes": made.problem or "nothing that failed here has a file"}], "The kit")

    def earlier(self, check: str) -> Finding | Unavailable:
        """What this release's record says of a check: judged here, else read from the executed notebooks."""
        if check in self._judged:
            return self._judged[check]
        stage = roadmap.load().stages[roadmap.load().checks[check].stage]
        sheet = sheets.read(self.record_folder / stage.notebook, exhibits=False)
        if (found := sheets.newest(sheet.findings).get(check)) is not None:
            return found.finding
        reason = f"stage {stage.number} ({stage.title}) has not run in this release"
        return Unavailable(reason, f"run stage {stage.number} first")

    def _publish(self, bundle: Bundle, metadata: dict[str, Any]) -> None:
        """Let an output out: whatever it is, nothing secret in it."""
        self._send(self._redactor.value(bundle), self._redactor.metadata(metadata))

    def record(self, kind: str, data: Mapping[str, Any], *, shown: str = "") -> None:
        """Add a record to the executed notebook; a human sees `shown`, or nothing."""
        body = {"kind": kind, "data": _jsonable(data), "recorded_at": _now()}
        self._publish({RECORD_MIME: body, "text/plain": shown}, {})

    async def cooled_down(self) -> None:
        """Wait until the cool-down that an earlier stage of this release recorded is over."""
        now = datetime.now(UTC)
        read = (sheets.read(self.record_folder / s.notebook, exhibits=False) for s in roadmap.load().stages.values())
        until = (sheets.moment(each.data.get("until")) for sheet in read for each in sheet.of("cooldown"))
        left = max((each - now for each in until if each), default=timedelta()).total_seconds()
        await asyncio.sleep(min(max(left, 0.0), LONGEST_COOLDOWN_S))

    async def summary(self) -> None:
        """Close the stage: what was not judged becomes unknown, the rest of the record is written, a table is shown."""
        self.judge(*(unjudged(check) for check in self.entry.checks if check not in self._judged))
        for name in self.entry.deliverables:
            if name not in self._delivered:
                self.deliver(name, "unknown", reason="this version does not make it yet")
        traffic = self.client.network.traffic
        blocked = [{"host": r.host, "port": r.port, "reason": r.reason} for r in traffic.refused]
        self.record("traffic", {"requests": dict(traffic.requests), "blocked": blocked})
        await self.client.close()
        self.record("stage", {"id": self.entry.id, "started": self._started, "finished": _now()})
        self.show(exhibits.summary_rows(list(self._judged.values())), f"Stage {self.entry.number}: {self.entry.title}")


def open(  # noqa: A001 - read as stage.open
    stage_id: str, client: object = "demo", *, release: str = "", record: str | Path = ""
) -> Stage:
    """Open a stage in a notebook.

    Args:
        stage_id: the roadmap's id.
        client: "demo", the path of a parameters file, the mapping that papermill injects, or a client already open.
        release: overrides the parameters' release.
        record: the folder of this release's executed notebooks; default: output/<slug>/<release>.

    Raises:
        ParametersError: every problem of the parameters, with its place, or of its test accounts' passwords.
    """
    opened = _client(client, release)
    parameters.accept(opened.parameters, opened.environment)
    redactor = Redactor.from_parameters(opened.parameters, opened.environment)
    _protect_kernel(redactor)
    folder = Path(record) if record else opened.root / "output" / opened.parameters.slug / opened.release
    return Stage(stage_id, opened, record=folder, redactor=redactor)


def _client(client: object, release: str) -> Client:
    if isinstance(client, Client):
        return Client(client.parameters, root=client.root, release=release, environment=client.environment)
    if client == "demo":
        from launchready_lib import demo  # noqa: PLC0415 - only the demo needs it

        world = demo.for_notebook()
        opened = Client.open(world.parameters_file, release=release)
        opened.environment = {**opened.environment, **world.environment}
        return opened
    if isinstance(client, str | Path | Mapping):
        return Client.open(client, release=release)
    raise TypeError(f'client is "demo", a path or a mapping, not {type(client).__name__}')


def _client_facts(client: Client) -> dict[str, Any]:
    p = client.parameters
    about = {"consultant", "business", "authorization", "not_applicable", "compare_with", "notes"}
    facts = p.model_dump(mode="json", include={"name", "slug", "domain", *about})
    return {**facts, "release": client.release, "canonical": p.site.canonical or f"https://{p.domain}"}


def _protect_kernel(redactor: Redactor) -> None:
    from IPython.core.getipython import get_ipython  # noqa: PLC0415 - heavy, and absent from the command line's path

    if (shell := get_ipython()) is None:
        return
    from launchready_lib import redact  # noqa: PLC0415 - only in a kernel

    redact.install(shell, redactor)
    formatters = shell.display_formatter.formatters
    for module in ("pandas", "pandas.core.frame", "pandas.core.series"):  # masked before pandas, or we, cut a cell
        html, text = formatters["text/html"], formatters["text/plain"]
        html.for_type_by_name(module, "DataFrame", lambda frame: exhibits.frame_html(redactor.frame(frame)))
        for name in ("DataFrame", "Series"):
            text.for_type_by_name(module, name, lambda shown, p, _: p.text(repr(redactor.frame(shown))))


def _publish_in_kernel(bundle: Bundle, metadata: dict[str, Any]) -> None:
    from IPython.display import display  # noqa: PLC0415 - heavy, and absent from the command line's path

    display(bundle, raw=True, metadata=metadata)


def _jsonable(value: Any) -> Any:
    """Plain JSON of anything that a stage records: arrays as lists, times as ISO text, the rest as its text."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_jsonable(item) for item in value]
    if hasattr(value, "tolist"):
        return _jsonable(value.tolist())
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value != value:
        return None
    return value if isinstance(value, str | int | float | bool | type(None)) else str(value)


def _now() -> str:
    return cooldown_until(0)


def cooldown_until(seconds: float) -> str:
    """The ISO time at which a cool-down that starts now is over."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
