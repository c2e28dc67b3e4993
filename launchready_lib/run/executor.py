"""Run a notebook so that nothing secret is written, a stage keeps its time, and what is recorded of each cell is true.

This is what our papermill engine does (see `engine`); the runner adds the client's redactor and the stage's budget, and
asks for the outcome. Beside what papermill does it

- redacts sources, outputs, tracebacks and metadata before the notebook touches the disk or the log;
- writes into a hidden neighbour, which takes the notebook's place at the end, so that there is never half a notebook;
- stops the kernel, with everything it started, when the budget is spent; what was found until then is kept;
- marks cells that never ran as such (papermill calls them completed), and says how it went in `metadata.launchready`.
"""

from __future__ import annotations

from launchready_lib.record import quick_nbformat  # noqa: F401  # isort: skip - before nbformat, which it makes load faster

import ast
import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from launchready_lib import parameters
from launchready_lib.paths import project_root
from launchready_lib.record.files import DiskFullError, private_folder
from launchready_lib.redact import Redactor
from launchready_lib.redact.messages import redacted
from launchready_lib.run.execution import Cells, Outcome, Record
from launchready_lib.run.kernels.manager import WarmKernelManager
from launchready_lib.sources import foreign_yaml

_PARAMETERS_LIMIT = 4_000_000
_PRINTED_LIMIT = 5_000_000


class StageError(Exception):
    """A stage did not come to its end; the message is fit for people and holds nothing secret."""


class StageTimeout(StageError):  # noqa: N818 - it reads as what happened
    """The stage took longer than its budget and was stopped."""


class KernelDied(StageError):  # noqa: N818 - it reads as what happened
    """The kernel's process ended while a cell ran."""


class Interrupted(KeyboardInterrupt):
    """An interrupt, after the notebook was put in order; `outcome` is how it stands."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("interrupted")
        self.outcome = outcome


class Client(PapermillNotebookClient):  # type: ignore[misc]
    """Runs the cells, within the budget, in a kernel of ours."""

    def __init__(self, record: Record, *, budget_seconds: float | None, **kwargs: Any) -> None:
        super().__init__(record, kernel_manager_class=WarmKernelManager, **kwargs)
        self.record = record
        self._printed = 0
        self._flooded = False
        self._budget = budget_seconds

    def execute(self, **kwargs: Any) -> nbformat.NotebookNode:
        """Start the kernel, run the cells, end the kernel: at once where anything went wrong."""
        self.reset_execution_trackers()
        try:
            with self.setup_kernel(**kwargs):
                try:
                    self.papermill_execute_cells()
                except BaseException:
                    self._cancel_tasks()  # before the kernel goes, or the one that watches it complains of its death
                    self.shutdown_kernel = "immediate"
                    raise
                self.set_widgets_metadata()
        except BaseException:
            self._cancel_tasks()  # none of nbclient's is left waiting, and no kernel running
            if self.km is not None and self.km.has_kernel:
                self.shutdown_kernel = "immediate"
                self._cleanup_kernel()
            raise
        return self.nb

    def papermill_execute_cells(self) -> None:
        """Run cell after cell until one fails; unlike papermill's, a cell that was cut off is a failed one."""
        if self._budget is not None:
            deadline = time.monotonic() + self._budget
            self.timeout_func = lambda _: max(deadline - time.monotonic(), 0.001)
        for index, cell in enumerate(self.nb.cells):
            self.record.cell_start(cell, index)
            try:
                self.execute_cell(cell, index)
            except BaseException as error:
                self.record.cell_exception(cell, cell_index=index, exception=error)
                self.record.cell_complete(cell, index)
                raise
            self.record.cell_complete(cell, index)

    def process_message(self, msg: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Redact a message on arrival (it may go to a log before its cell ends), and pass over a flood of them."""
        content = msg["content"]
        if msg["msg_type"] == "stream":
            self._printed += len(content["text"])
            if self._printed > _PRINTED_LIMIT:
                if self._flooded:
                    return None
                self._flooded = True
                content = {**content, "text": "\n[what this notebook printed beyond this is left out]\n"}
        return super().process_message(msg | {"content": redacted(content, self.record.redactor)}, *args, **kwargs)

    def _cancel_tasks(self) -> None:
        loop = ensure_event_loop()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        with suppress(RuntimeError):
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))


class Engine(NBClientEngine):  # type: ignore[misc]
    """See the module."""

    @classmethod
    def execute_notebook(
        cls,
        nb: nbformat.NotebookNode,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool | dict[str, Any] = True,
        log_output: bool = False,
        autosave_cell_every: int = 30,  # noqa: ARG003 - papermill's; we save when a cell has ended
        *,
        redactor: Redactor | None = None,
        budget_seconds: float | None = None,
        target: Path | None = None,
        on_cell: Callable[[int, int], None] | None = None,
        on_outcome: Callable[[Outcome], None] | None = None,
        **kwargs: Any,
    ) -> nbformat.NotebookNode:
        """Run a notebook; what is not listed here is as papermill gives it.

        Args:
            redactor: knows the client's secrets; made from the notebook's parameters where it is not given.
            budget_seconds: for all cells together; default: the parameters' limits.stage_minutes.
            target: written instead of output_path, which papermill would write once more, and not in one piece.
            on_cell, on_outcome: called after each cell with how many of how many are done; at the end, before a raise.

        Raises:
            StageError: the budget is spent, or the kernel did not start or died.
            DiskFullError: the notebook could not be written; nothing is left of it.
        """
        content = parameters_of(nb)
        redactor = redactor or Redactor.from_mapping(content, parameters.environment(project_root()))
        target = target or (Path(output_path) if output_path else None)
        shown = {"progress_bar": progress_bar, "log_output": log_output}
        record = Record(nb, redactor=redactor, target=target, on_cell=on_cell, **shown)
        if target is not None:
            private_folder(target.absolute().parent)
        record.notebook_start()
        budget = budget_seconds or _budget(content)
        try:
            cls._run(record, kernel_name, budget, on_outcome or (lambda _: None), log_output=log_output, **kwargs)
        except DiskFullError:
            record.discard()
            raise
        return record.redacted()

    @classmethod
    def _run(
        cls, record: Record, kernel_name: str, budget: float | None, report: Callable[[Outcome], None], **kwargs: Any
    ) -> None:
        try:
            cls.execute_managed_notebook(record, kernel_name, budget_seconds=budget, **kwargs)
        except CellExecutionError as error:
            report(
                record.finish("failed", f"{error.ename}: {error.evalue}")
            )  # papermill raises its own from the outputs
        except CellTimeoutError:
            message = f"it took longer than its {(budget or 0) / 60:g} minutes and was stopped; what it found is kept"
            report(record.finish("timed_out", message))
            raise StageTimeout(message) from None
        except DeadKernelError:
            report(record.finish("died", "its process ended while a cell ran"))
            raise KernelDied("the kernel's process ended while a cell ran") from None
        except KeyboardInterrupt:
            report(record.finish("interrupted", "interrupted"))
            raise
        except DiskFullError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its text is redacted before anyone sees it
            message = record.redactor.text(f"{type(error).__name__}: {error}")
            report(record.finish("failed", message))
            raise StageError(message) from None
        else:
            report(record.finish("complete"))

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Record,
        kernel_name: str,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        *,
        budget_seconds: float | None = None,
        **kwargs: Any,
    ) -> nbformat.NotebookNode:
        """Run the cells with nbclient, as papermill's own engine does, but in our kernels and within the budget."""
        settings = merge_kwargs(
            remove_args(["input_path", "timeout", "startup_timeout"], **kwargs),
            timeout=execution_timeout or kwargs.get("timeout"),
            startup_timeout=start_timeout,
            kernel_name=kernel_name,
            log=logger,
        )
        return Client(nb_man, budget_seconds=budget_seconds, **settings).execute()


papermill_engines.register("launchready", Engine)  # also where the package is not installed


def execute(
    source: Path,
    target: Path,
    *,
    parameters: Mapping[str, Any],
    redactor: Redactor,
    budget_seconds: float | None = None,
    cwd: Path | None = None,
    on_cell: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Run one notebook with papermill and our engine, and say how it went.

    Raises `Interrupted` by Ctrl-C, `DiskFullError` where the notebook could not be written.
    """
    outcomes: list[Outcome] = []
    nothing = Cells(0, 0, 0, 0)
    error = "papermill ended without running it"
    try:
        papermill.execute_notebook(
            str(source).replace("{", "{{").replace("}", "}}"),  # papermill formats paths
            None,
            parameters=dict(parameters),
            engine_name="launchready",
            progress_bar=False,
            cwd=cwd,
            redactor=redactor,
            budget_seconds=budget_seconds,
            target=target.absolute(),
            on_cell=on_cell,
            on_outcome=outcomes.append,
        )
    except KeyboardInterrupt:
        raise Interrupted(outcomes[0] if outcomes else Outcome("interrupted", 0.0, nothing, "interrupted")) from None
    except DiskFullError:
        raise
    except Exception as problem:  # noqa: BLE001 - the outcome says it; without one, the notebook did not even start
        error = redactor.text(f"{type(problem).__name__}: {problem}")
    return outcomes[0] if outcomes else Outcome("failed", 0.0, nothing, error)


def parameters_of(nb: nbformat.NotebookNode) -> object:
    """The client's parameters as this notebook gets them, unvalidated: the mapping, or the named file's content."""
    given = nb.metadata.get("papermill", {}).get("parameters", {})
    client = given["client"] if "client" in given else _default_client(nb)
    if not isinstance(client, str):
        return client
    for file in (Path(client), project_root() / client):
        with suppress(OSError, ValueError), file.open("rb") as stream:
            return foreign_yaml.load(stream.read(_PARAMETERS_LIMIT).decode("utf-8-sig"), most=_PARAMETERS_LIMIT)
    return None


def _default_client(nb: nbformat.NotebookNode) -> object:
    """The literal that the parameters cell assigns to `client`."""
    for cell in nb.cells:
        if "parameters" in cell.metadata.get("tags", []):
            with suppress(SyntaxError, ValueError, TypeError, AttributeError, RecursionError):
                for statement in ast.parse(cell.source).body:
                    name = getattr(statement, "target", None) or getattr(statement, "targets", [None])[0]
                    if isinstance(name, ast.Name) and name.id == "client":
                        return ast.literal_eval(statement.value)
    return None


def _budget(content: object) -> float | None:
    """Seconds for a stage, from unvalidated parameters; None where they do not say."""
    for _ in range(2):
        if isinstance(content, Mapping) and isinstance(limits := content.get("limits"), Mapping):
            minutes = limits.get("stage_minutes")
            return minutes * 60.0 if isinstance(minutes, int | float) and minutes > 0 else None
        content = content.get("client") if isinstance(content, Mapping) else None
    return None
