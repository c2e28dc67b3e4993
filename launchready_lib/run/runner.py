"""Run the notebooks of one client's audit in order, keep the manifest true, and write the report."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from launchready_lib import parameters as parameters_module
from launchready_lib import paths
from launchready_lib import roadmap as roadmaps
from launchready_lib.parameters import Parameters
from launchready_lib.record import audit as audits
from launchready_lib.record.audit import Audit
from launchready_lib.record.files import DiskFullError, InUseError, close_to_others, locked, private_folder
from launchready_lib.record.findings import Decision
from launchready_lib.redact import Redactor
from launchready_lib.roadmap import Roadmap, Stage
from launchready_lib.run import executor
from launchready_lib.run import manifest as manifests
from launchready_lib.run.kernels import warm
from launchready_lib.run.manifest import Manifest
from launchready_lib.run.progress import Progress

INTERRUPTED = 130
STAGE_FAILED = 4
_RELEASE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_BY_DECISION = {Decision.NO_GO: 1, Decision.CONDITIONAL: 3, Decision.GO: 0}


class RunError(Exception):
    """The run cannot start as asked; the message says why, and what to type instead."""


@dataclass(frozen=True)
class RunResult:
    """What a run left in `folder` (interrupted: no `audit`, no `report`); `weak`: variables not masked everywhere."""

    folder: Path
    manifest: Manifest
    audit: Audit | None = None
    report: Path | None = None
    interrupted: bool = False
    weak: Mapping[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """The first that applies: 130 interrupted, 4 a stage failed, 1 no-go, 3 conditional, 0 go."""
        if self.interrupted or self.audit is None:
            return INTERRUPTED
        return STAGE_FAILED if self.manifest.failed else _BY_DECISION[self.audit.decision]


@dataclass(frozen=True)
class _Run:
    """A run that may start: everything that does not change while it goes on."""

    file: Path
    parameters: Parameters
    release: str
    root: Path
    folder: Path
    notebooks: Path
    roadmap: Roadmap
    redactor: Redactor
    progress: Progress


def run(
    parameters_file: Path,
    *,
    stages: Collection[int] | None = None,
    release: str | None = None,
    output_root: Path | None = None,
    resume: bool = False,
    again: bool = False,
    progress: Progress | None = None,
    notebooks: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> RunResult:
    """Run an audit.

    Args:
        parameters_file, release: the client's, and what overrides its release.
        stages: numbers from 1 to 7; default: all.
        output_root, notebooks: default: output/ in the project's root, and the project's own seven.
        resume: go on with an incomplete release; stages that are complete are kept.
        again: move an earlier run of this release to <release>~1 (or the next free number) and start anew.
        environment: variables set for the run beside the process's own.

    Raises:
        ParametersError: with everything that is wrong in the file, or with the passwords of the test accounts.
        RunError: the release exists already, is being run by another process, or the options contradict each other.
        DiskFullError: the disk is full; --resume goes on when there is room.
    """
    file = parameters_file.absolute()
    root = paths.project_root()
    if "LAUNCHREADY_ROOT" not in os.environ and not (root / "parameters").is_dir():
        root = paths.project_root(file.parent)  # started elsewhere: by where the parameters file lies
    with _environment({**(environment or {}), "LAUNCHREADY_ROOT": str(root)}):
        parameters = parameters_module.load(parameters_file, root=root)
        if release and not _RELEASE.match(release):
            rule = "holds a-z, 0-9, dot, dash and underscore, and starts with a letter or digit"
            raise RunError(f"a release's name {rule}")
        secrets = parameters_module.environment(root)
        parameters_module.accept(parameters, secrets, file=str(parameters_file))
        release = release or parameters.release
        run_ = _Run(
            file=file,
            parameters=parameters,
            release=release,
            root=root,
            folder=(output_root or root / "output").absolute() / parameters.slug / release,
            notebooks=notebooks or paths.notebooks_folder(),
            roadmap=roadmaps.load(),
            redactor=Redactor.from_parameters(parameters, secrets),
            progress=progress or Progress(),
        )
        chosen = [stage for stage in run_.roadmap.stages.values() if stages is None or stage.number in stages]
        with _alone(run_.folder):
            return _locked_run(run_, chosen, resume=resume, again=again)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a release's lock; raises `RunError` where another process runs it."""
    private_folder(folder.parent)
    try:
        with locked(folder.with_name(f".{folder.name}.lock")):
            yield
    except InUseError:
        raise RunError(f"release {folder.name} of {folder.parent.name} is being run by another process") from None


def _locked_run(run_: _Run, chosen: Collection[Stage], *, resume: bool, again: bool) -> RunResult:
    manifest = _start(run_, chosen, resume=resume, again=again)
    retained = {s.id for s in manifest.stages if resume and s.status == "complete"}
    private_folder(run_.folder)
    manifests.write(run_.folder, manifest)
    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what it would say stands in the manifest, redacted
    warm.prepare()
    try:
        for stage in chosen:
            if stage.id in retained:
                run_.progress.end(stage, manifest.stage(stage.id))
            else:
                manifest = _stage(run_, stage, manifest)
        manifest = replace(manifest, finished=manifests.now())
        manifests.write(run_.folder, manifest)
        audit, report = publish(run_.folder)
    except KeyboardInterrupt:
        manifest = replace(manifests.read(run_.folder) or manifest, finished=manifests.now())
        manifests.write(run_.folder, manifest)
        return RunResult(run_.folder, manifest, interrupted=True, weak=run_.redactor.weak)
    return RunResult(run_.folder, manifest, audit, report, weak=run_.redactor.weak)


def _stage(run_: _Run, stage: Stage, manifest: Manifest) -> Manifest:
    """Run one stage and write down how it went; raises `KeyboardInterrupt` after that, where it was interrupted."""
    entry = manifests.running(stage)
    manifests.write(run_.folder, manifest.with_stage(entry))
    run_.progress.begin(stage)
    try:
        outcome = executor.execute(
            run_.notebooks / stage.notebook,
            run_.folder / stage.notebook,
            parameters={
                "client": _relative(run_.file, run_.root),
                "release": run_.release,
                "record": _relative(run_.folder, run_.root),
            },
            redactor=run_.redactor,
            budget_seconds=run_.parameters.limits.stage_minutes * 60,
            cwd=run_.root,
            on_cell=run_.progress.cell,
        )
    except executor.Interrupted as stop:
        _ended(run_, stage, manifest, manifests.ended(entry, stop.outcome))
        raise
    except DiskFullError:
        with contextlib.suppress(OSError):  # where there is room for that much
            full = replace(entry, finished=manifests.now(), error="the disk is full")
            _ended(run_, stage, manifest, full)
        raise
    return _ended(run_, stage, manifest, manifests.ended(entry, outcome))


def _ended(run_: _Run, stage: Stage, manifest: Manifest, entry: manifests.StageEntry) -> Manifest:
    manifest = manifest.with_stage(entry)
    manifests.write(run_.folder, manifest)
    run_.progress.end(stage, entry)
    return manifest


def _start(run_: _Run, chosen: Collection[Stage], *, resume: bool, again: bool) -> Manifest:
    """The manifest to begin with; raises `RunError` where what lies there may not be touched so."""
    if resume and again:
        raise RunError("--resume goes on with a run and --again starts anew: give one of them")
    folder, name = run_.folder, f"release {run_.release} of {run_.parameters.slug}"
    earlier = manifests.read(folder)
    if again:
        _set_aside(folder)
        earlier = None
    elif earlier is not None and earlier.complete and not resume:
        raise RunError(
            f"{name} is complete: --again runs it once more and keeps the old one as {run_.release}~1, "
            "--release NAME gives this run another name"
        )
    elif earlier is not None and not resume and len(chosen) == len(run_.roadmap.stages):
        raise RunError(f"{name} was begun and is not complete: --resume goes on with it, --again starts anew")
    fresh = manifests.new(
        run_.roadmap, client=run_.parameters.slug, release=run_.release, parameters=_relative(run_.file, run_.root)
    )
    asked = {stage.id for stage in chosen}
    before = {entry.id: entry for entry in earlier.stages} if earlier else {}
    for entry in fresh.stages:
        old = before.get(entry.id)
        whole = old is not None and old.status == "complete" and (folder / entry.notebook).is_file()
        if old is not None and (whole or entry.id not in asked):
            fresh = fresh.with_stage(old)
        elif entry.id not in asked:
            fresh = fresh.with_stage(replace(entry, error="left out by --stages"))
    return fresh if earlier is None else replace(fresh, started=earlier.started)


def set_aside(folder: Path) -> None:
    """Move an earlier run to the next free <release>~N; raises `RunError` where another process runs it."""
    with _alone(folder):
        _set_aside(folder)


def _set_aside(folder: Path) -> None:
    if folder.exists():
        number = next(n for n in itertools.count(1) if not folder.with_name(f"{folder.name}~{n}").exists())
        folder.rename(folder.with_name(f"{folder.name}~{number}"))


def publish(folder: Path) -> tuple[Audit, Path]:
    """Read a run's executed notebooks back and write the report beside them; raises `AuditError` without a run."""
    from launchready_lib.report import publication  # noqa: PLC0415 - nbconvert takes half a second to import

    path = publication.write(folder)
    close_to_others(folder)
    return audits.read(folder), path


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


@contextlib.contextmanager
def _environment(added: Mapping[str, str]) -> Iterator[None]:
    """Set variables, for the kernels to inherit, and put back what was there."""
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
