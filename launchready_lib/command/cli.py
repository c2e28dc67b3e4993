"""The command line: a user's mistake gets a sentence, an error of ours its type and place, and neither a traceback.

Exit codes: 0 go, 1 no-go, 2 bad parameters or options, 3 conditional, 4 a stage failed, 70 our error, 74 the machine
gave out (its disk is full), 130 interrupted.
"""

from __future__ import annotations

import argparse
import difflib
import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from launchready_lib import __version__, paths
from launchready_lib.command.terminal import (
    BAD_INPUT,
    INTERRUPTED,
    MACHINE,
    OUR_ERROR,
    VERDICTS,
    complain,
    say,
    tell,
    weak_secret,
)
from launchready_lib.evidence import place_of
from launchready_lib.run.kernels import warm

_GAVE_OUT = frozenset({errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code."""
    arguments = parser().parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code: int = arguments.command(arguments)
    except KeyboardInterrupt:
        complain("Interrupted.")
        code = INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains once more at exit
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last wall: what an exception says may hold a secret
        code = _explained(error)
    return code


def _explained(error: Exception) -> int:
    from launchready_lib.parameters import ParametersError  # noqa: PLC0415
    from launchready_lib.record.audit import AuditError  # noqa: PLC0415 - only on the way out
    from launchready_lib.record.files import is_full  # noqa: PLC0415
    from launchready_lib.run.runner import RunError  # noqa: PLC0415

    if is_full(error):
        where = f": {error.filename} could not be written" if isinstance(error, OSError) and error.filename else ""
        complain(f"The disk is full{where}. Make room; after a run, --resume goes on from what is complete.")
        return MACHINE
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _GAVE_OUT):
        complain(f"The machine gave out: {getattr(error, 'strerror', None) or 'no memory is left'}.")
        return MACHINE
    problems: list[str] = []
    if isinstance(error, ParametersError):
        problems = [str(problem) for problem in error.problems]
    elif isinstance(error, RunError | AuditError):
        problems = [str(error)]
    elif isinstance(error, OSError) and error.filename is not None:
        problems = [f"{error.filename}: {error.strerror}"]
    if problems:
        complain("\n".join(problems))
        return BAD_INPUT
    complain(
        f"Launch Ready broke: {type(error).__name__} at {place_of(error)}. "
        "This is a defect of ours; please report it with this line."
    )
    return OUR_ERROR


def run(arguments: argparse.Namespace) -> int:
    """`launchready run FILE`."""
    warm.prepare()  # first: it imports while this process does
    from launchready_lib.run import progress, runner  # noqa: PLC0415 - papermill takes half a second to import

    options = {name: getattr(arguments, name) for name in ("stages", "release", "resume", "again")}
    result = runner.run(arguments.file, output_root=arguments.output, progress=progress.for_stream(), **options)
    tell(result)
    return result.exit_code


def report(arguments: argparse.Namespace) -> int:
    """`launchready report FOLDER`."""
    from launchready_lib.record import quick_nbformat  # noqa: F401, PLC0415 - see run
    from launchready_lib.run import runner  # noqa: PLC0415 - see run

    audit, path = runner.publish(arguments.folder)
    say(f"{VERDICTS[audit.decision]}. Report: {path}")
    return 0


def new(arguments: argparse.Namespace) -> int:
    """`launchready new DOMAIN`."""
    from launchready_lib import parameters  # noqa: PLC0415 - pydantic takes long to import

    text = parameters.starter(arguments.domain)
    label = arguments.domain.strip().split(".", 1)[0].lower()
    path = arguments.output or paths.project_root() / "parameters" / f"{label}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        complain(f"{path} exists already: -o FILE writes another")
        return BAD_INPUT
    say(f"Wrote {path}. Next: launchready check-parameters {path}")
    return 0


def check_parameters(arguments: argparse.Namespace) -> int:
    """`launchready check-parameters FILE`."""
    from launchready_lib import parameters  # noqa: PLC0415 - pydantic takes long to import
    from launchready_lib.redact import Redactor  # noqa: PLC0415 - see above

    root = paths.project_root()
    loaded = parameters.load(arguments.file, root=root)
    environment = parameters.environment(root)
    parameters.accept(loaded, environment, file=str(arguments.file))
    say(f"{arguments.file} is valid: {loaded.name}, release {loaded.release}.")
    for name, used in loaded.variables().items():
        if not environment.get(name):
            say(f"{name} is not set, nor in .env: what needs {', '.join(used)} will be unknown.")
    for name, why in Redactor.from_parameters(loaded, environment).weak.items():
        say(weak_secret(name, why))
    if loaded.authorization is None:
        say("No authorization is given: nothing but published DNS and registration data will be read.")
    return 0


def demo(_: argparse.Namespace) -> int:
    """`launchready demo`."""
    warm.prepare()
    from launchready_lib.command import embedded  # noqa: PLC0415 - see run

    return embedded.demo()


def lab(arguments: argparse.Namespace) -> int:
    """`launchready lab`."""
    from launchready_lib.command import embedded  # noqa: PLC0415 - see run

    return embedded.lab(arguments.jupyter)


def doctor(_: argparse.Namespace) -> int:
    """`launchready doctor`."""
    from launchready_lib.command import doctor as examination  # noqa: PLC0415 - asks for every program

    for line in examination.lines():
        say(line)
    return 0


def update_data(_: argparse.Namespace) -> int:
    """`launchready update-data`."""
    from launchready_lib.command import update_data as data  # noqa: PLC0415 - see run

    refreshed = data.run()
    for one in refreshed:
        say(one.line())
    return int(any(one.problem for one in refreshed))


def where(arguments: argparse.Namespace) -> int:
    """`launchready where CHECK`."""
    from launchready_lib import roadmap  # noqa: PLC0415 - see run
    from launchready_lib.command import where as parts  # noqa: PLC0415 - imports every check

    known = roadmap.load().checks
    wanted = [check for check in known if check == arguments.check or check.startswith(f"{arguments.check}.")]
    for check in wanted:
        for line in parts.lines(check):
            say(line)
    if not wanted:
        near = difflib.get_close_matches(arguments.check, known, 1)
        complain(f"The roadmap has no check {arguments.check}" + (f"; did you mean {near[0]}?" if near else "."))
    return 0 if wanted else BAD_INPUT


def stage_numbers(text: str) -> frozenset[int]:
    """Read "1,3-5"; raises `argparse.ArgumentTypeError` where it is not that, or holds a number that is no stage."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(first) > 2 or len(last) > 2:
            raise argparse.ArgumentTypeError("write stages as 2, 1,4 or 1,3-5")
        numbers |= set(range(int(first), int(last or first) + 1))
    if not numbers or not numbers <= set(range(1, 8)):
        raise argparse.ArgumentTypeError("stages are numbered 1 to 7")
    return frozenset(numbers)


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    top = argparse.ArgumentParser(
        prog="launchready",
        description="Audit a membership community before its launch: seven notebooks, one report.",
        epilog="Exit codes: 0 go, 1 no-go, 2 bad parameters or options, 3 conditional, 4 a stage failed, "
        "70 an error of ours, 74 the disk is full or the machine gave out otherwise, 130 interrupted.",
    )
    top.add_argument("--version", action="version", version=f"Launch Ready {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    one = _command(commands, "run", run, "run the seven stages for one client and write the report")
    one.add_argument("file", type=Path, metavar="FILE", help="the client's parameters")
    one.add_argument("--stages", type=stage_numbers, metavar="1,3-5", help="run these stages only")
    one.add_argument("--release", metavar="NAME", help="name the run so, whatever the parameters say")
    one.add_argument("--output", type=Path, metavar="DIR", help="put results below DIR (default: output/)")
    how = one.add_mutually_exclusive_group()
    how.add_argument("--resume", action="store_true", help="go on with an incomplete run; keep what is complete")
    how.add_argument("--again", action="store_true", help="start anew; keep the earlier run as RELEASE~1")

    one = _command(commands, "report", report, "build a run's report again from its notebooks as they stand")
    one.add_argument("folder", type=Path, metavar="FOLDER", help="output/<client>/<release>")

    one = _command(commands, "new", new, "write a commented parameters file for a new client")
    one.add_argument("domain", metavar="DOMAIN", help="the domain that members type, such as acme.example")
    one.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: parameters/<name>.yaml")

    one = _command(commands, "check-parameters", check_parameters, "say what is wrong with a parameters file")
    one.add_argument("file", type=Path, metavar="FILE", help="the client's parameters")

    _command(commands, "demo", demo, "audit the embedded client before and after its faults are mended")

    one = _command(commands, "lab", lab, "start the embedded client and JupyterLab")
    one.add_argument("jupyter", nargs="*", metavar="OPTION", help="for JupyterLab, after --")

    _command(commands, "update-data", update_data, "read the networks of the edges anew where they are published")
    one = _command(commands, "where", where, "name the module, the cell, the fault and the tests of a check")
    one.add_argument("check", metavar="CHECK", help="a check's id, such as mail.spf, or a group of them, such as mail")
    _command(commands, "doctor", doctor, "say what this machine has, and what cannot be measured without the rest")
    return top


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    function: Callable[[argparse.Namespace], int],
    about: str,
) -> argparse.ArgumentParser:
    one = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
    one.set_defaults(command=function)
    return one
