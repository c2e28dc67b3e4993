"""How many mistakes in the verdict functions the tests notice: mutation testing, stage by stage.

    python benchmarks/mutants.py [--stages secure_edge,…] [--sample 100] [--seed 1]

Mutated are the functions under `@check` and what these call in their own module: comparisons and their boundaries,
`and`/`or`/`not`, conditions, numbers, booleans, sums, `any`/`all`, `min`/`max`, loops. A mutant is killed when a test
of its module fails or has no end (ten times as long as without it, and half a minute). Tests that start Harbor Club or
a browser or need over half a second are left out: the figure is a lower bound. Survivors are printed for somebody to
judge. (mutmut skips decorated functions, so every check; Cosmic Ray imports all anew for each mutant.)
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib
import inspect
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType

import pytest

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 30
SLOW_S = 0.5
PLAIN = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-m", "not world and not browser and not heavy"]
COMPARED: dict[type, tuple[type, ...]] = {
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
}  # fmt: skip
SUMS: dict[type, type] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
TWINS = {"any": "all", "all": "any", "min": "max", "max": "min"}


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """A node's mutants, each a changed copy."""
    match node:
        case ast.Compare(ops=ops):
            for n, op in enumerate(ops):
                yield from (_other(node, ops=[*ops[:n], new(), *ops[n + 1 :]]) for new in COMPARED[type(op)])
        case ast.BoolOp(op=op):
            yield _other(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if plain(test):
            yield _other(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.comprehension(ifs=[_, *_]):
            yield _other(node, ifs=[])
        case ast.For():
            yield _other(node, iter=ast.Tuple([], ast.Load()))
        case ast.Continue():
            yield ast.copy_location(ast.Break(), node)
        case _:
            yield from _values(node)


def _values(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Constant(value=bool(value)):
            yield _other(node, value=not value)
        case ast.Constant(value=int(value) | float(value)):
            yield _other(node, value=value + 1)
        case ast.BinOp(op=op) if type(op) in SUMS:
            yield _other(node, op=SUMS[type(op)]())
        case ast.Name(id=name) if name in TWINS:
            yield _other(node, id=TWINS[name])


def _other(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def plain(test: ast.expr) -> bool:
    """Whether a condition has no mutant of its own."""
    return not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp)


def functions(tree: ast.Module) -> list[ast.FunctionDef]:
    """The functions under @check, and those of the module that these call."""
    every = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    todo = [n for n in every.values() if any("check(" in ast.unparse(d) for d in n.decorator_list)]
    seen: dict[str, ast.FunctionDef] = {}
    while todo:
        function = todo.pop()
        seen[function.name] = function
        todo += [every[n.id] for n in ast.walk(function) if isinstance(n, ast.Name) and n.id in every.keys() - seen]
    return list(seen.values())


def mutants(source: str) -> Iterator[tuple[str, str, ast.Module]]:
    """Function name, what was changed, and the module with that change; the same tree each time, so use it at once."""
    tree = ast.parse(source)
    for function in functions(tree):
        for parent in [n for statement in function.body for n in ast.walk(statement)]:
            for field, value in ast.iter_fields(parent):
                for place, node in enumerate(value if isinstance(value, list) else [value]):
                    if not isinstance(node, ast.AST):
                        continue
                    for changed in changes(node):
                        put(parent, field, place, changed)
                        line = getattr(node, "lineno", getattr(parent, "lineno", function.lineno))
                        yield (
                            function.name,
                            f"{line} {said(node)}  ->  {said(changed)}",
                            ast.fix_missing_locations(tree),
                        )
                        put(parent, field, place, node)


def put(parent: ast.AST, field: str, place: int, node: ast.AST) -> None:
    """Set a child of a node."""
    value = getattr(parent, field)
    if isinstance(value, list):
        value[place] = node
    else:
        setattr(parent, field, node)


def said(node: ast.AST) -> str:
    """The first line of a node."""
    return ast.unparse(node).strip().splitlines()[0][:100]


def coded(code: CodeType, name: str) -> CodeType:
    """A top function's code in its module's."""
    return next(c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == name)


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run the collected tests once for each mutant, in a fork, instead of pytest's own loop."""
    module = importlib.import_module(os.environ["MUTATED"])
    source, file = inspect.getsource(module), inspect.getsourcefile(module) or ""
    every = [(name, what, coded(compile(tree, file, "exec"), name)) for name, what, tree in mutants(source)]
    dice = random.Random(int(os.environ["SEED"]))  # noqa: S311 - a sample
    chosen = dice.sample(every, min(int(os.environ["SAMPLE"]), len(every)))
    items, taken_s = _quick(session)
    left = []
    for name, what, code in chosen:
        function: FunctionType = inspect.unwrap(getattr(module, name))
        if _survives(session, items, function, code, 10 * taken_s + SECONDS):
            left.append(f"  survived: {module.__name__.removeprefix('launchready_lib.checks.')}.{name}:{what}")
    print(
        f"\n= {len(chosen) - len(left)} of {len(chosen)} killed, of {len(every)}; {len(items)} tests, {taken_s:.1f} s"
    )
    print("\n".join(left), flush=True)
    return True


def _quick(session: pytest.Session) -> tuple[list[pytest.Item], float]:
    """The tests that pass within half a second as things are, the quickest first; and what they took."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        for item in session.items:
            begun, failed = time.monotonic(), session.testsfailed
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            taken = 999.0 if session.testsfailed > failed else time.monotonic() - begun
            os.write(write, f"{taken}\n".encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        times = [float(line) for line in stream]
    os.waitpid(child, 0)
    pairs = [(taken, n) for taken, n in sorted(zip(times, range(len(times)), strict=True)) if taken <= SLOW_S]
    return [session.items[n] for _, n in pairs], sum(taken for taken, _ in pairs)


def _survives(
    session: pytest.Session, items: list[pytest.Item], function: FunctionType, code: CodeType, limit_s: float
) -> bool:
    before = session.testsfailed
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        function.__code__ = code
        for item, after in zip(items, [*items[1:], None], strict=True):
            with contextlib.suppress(BaseException):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
                if session.testsfailed == before:
                    continue
            os._exit(1)
        os._exit(0)
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def modules() -> dict[str, dict[str, list[str]]]:
    """Stage -> module with a check -> the test files that import it, or another of its subject's folder."""
    from launchready_lib import checks, roadmap  # noqa: PLC0415 - pytest must load its plugins before the library

    found: dict[str, dict[str, list[str]]] = {}
    texts = {path: path.read_text("utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py"))}
    for check in checks.registered():
        module = checks.module_of(check)
        folder, _, name = module.rpartition(".")
        subject = folder if folder.count(".") > 2 else module
        wanted = re.compile(rf"from {re.escape(folder)} import .*\b{name}\b|{re.escape(subject)}\b")
        tests = [str(path) for path, text in texts.items() if wanted.search(text) and path.parent.name != "demo"]
        found.setdefault(roadmap.load().checks[check].stage, {})[module] = tests
    return found


def main() -> None:
    """Print, for each stage, how many mutants were killed, and every survivor."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--stages", default="", help="ids, by commas; default: all")
    options.add_argument("--modules", default="", help="only modules whose name contains this")
    options.add_argument("--sample", type=int, default=100_000, help="mutants tried for each module; default: all")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    total = [0, 0]
    for stage, found in modules().items():
        if given.stages and stage not in given.stages.split(","):
            continue
        killed = tried = 0
        left: list[str] = []
        for module, tests in found.items():
            if given.modules not in module:
                continue
            print(f"  {module}: {len(tests)} test files", flush=True)
            answer = _alone(module, tests, given.sample, given.seed)
            print("   ", *(line for line in answer if line.startswith("=")), flush=True)
            numbers = next((line.split() for line in answer if line.startswith("= ")), ["=", "0", "of", "0"])
            killed, tried = killed + int(numbers[1]), tried + int(numbers[3])
            left += [line for line in answer if line.startswith("  survived")]
        total = [total[0] + killed, total[1] + tried]
        print(f"{stage}: {killed} of {tried} mutants killed ({killed / max(tried, 1):.0%})")
        print("\n".join(left), flush=True)
    print(f"all: {total[0]} of {total[1]} ({total[0] / max(total[1], 1):.1%})")


def _alone(module: str, tests: list[str], sample: int, seed: int) -> list[str]:
    """What a pytest of its own prints for a module."""
    command = [sys.executable, "-m", "pytest", *PLAIN, "-s", "-p", Path(__file__).stem, *tests]
    given = {"MUTATED": module, "SAMPLE": str(sample), "SEED": str(seed)}
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    answer = subprocess.run(
        command, cwd=ROOT, env=os.environ | given | {"PYTHONPATH": path}, stdout=subprocess.PIPE, text=True, check=False
    )
    return answer.stdout.splitlines()


if __name__ == "__main__":
    main()
