"""How many mistakes in verdict functions the tests would notice: mutation testing, a sample for each stage.

    pip install cosmic-ray
    python benchmarks/mutants.py [--stages secure_edge,…] [--sample 60] [--seed 1]

Mutated are the functions under `@check` and what they call in their own module, by Cosmic Ray's operators. A mutant is
killed if a test that builds evidence by hand, or a probe's test on loopback, fails within a minute; tests that start
Harbor Club or a browser are not run, so the figure is a lower bound. Survivors are printed for somebody to judge.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib.abc
import importlib.util
import inspect
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 60
PRELOADED = ("pytest", "hypothesis", "pandas", "httpx", "dns.asyncresolver", "cryptography.x509", "yaml", "pydantic")
OPERATORS = re.compile(
    r"core/(ReplaceComparisonOperator|ReplaceAndWithOr|ReplaceOrWithAnd|ReplaceTrueWithFalse|ReplaceFalseWithTrue"
    r"|AddNot|NumberReplacer|ReplaceUnaryOperator_Delete|ReplaceBinaryOperator_(Add|Sub|Mul|Div|FloorDiv|Mod)_"
    r"|ZeroIterationForLoop|ReplaceContinueWithBreak|ReplaceBreakWithContinue)"
)


@dataclass(frozen=True)
class Mutant:
    """One changed line of one module."""

    stage: str
    module: str
    source: str
    change: str


def verdict_lines(source: str) -> set[int]:
    """Lines of the bodies of functions under @check, and of the functions of the module that these call."""
    functions = {n.name: n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)}
    todo = [n for n in functions.values() if any("check(" in ast.unparse(d) for d in n.decorator_list)]
    seen: set[str] = set()
    while todo:
        function = todo.pop()
        seen.add(function.name)
        names = {n.id for n in ast.walk(function) if isinstance(n, ast.Name)}
        todo += [functions[name] for name in names & functions.keys() - seen]
    return {n for name in seen for n in range(functions[name].body[0].lineno, (functions[name].end_lineno or 0) + 1)}


def mutants(stage: str, module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module's verdict functions."""
    from cosmic_ray import plugins  # noqa: PLC0415 - not needed to read --help
    from cosmic_ray.mutating import mutate_code  # noqa: PLC0415

    wanted = verdict_lines(source)
    before = source.splitlines()
    for name in filter(OPERATORS.match, sorted(plugins.operator_names())):
        operator, occurrence = plugins.get_operator(name)(), 0
        while (changed := mutate_code(source, operator, occurrence)) is not None:
            occurrence += 1
            after = changed.splitlines()
            first = next((n for n, pair in enumerate(zip(before, after, strict=False), 1) if pair[0] != pair[1]), 0)
            if first in wanted:
                line = difflib.unified_diff([before[first - 1].strip()], [after[first - 1].strip()], lineterm="", n=0)
                yield Mutant(stage, module, changed, f"{module}:{first} " + "  ".join(list(line)[3:]))


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports one module from changed source."""

    def __init__(self, mutant: Mutant, path: str) -> None:
        self.mutant, self.path = mutant, path

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        """The changed module; no other."""
        if name != self.mutant.module:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)  # type: ignore[arg-type]

    def get_source(self, _: str) -> str:
        """The changed text."""
        return self.mutant.source


def survives(mutant: Mutant | None, path: str, tests: list[str]) -> bool:
    """Whether all tests pass with a mutant in a module's place, in a process of their own."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        if mutant is not None:
            sys.meta_path.insert(0, Mutated(mutant, path))
        import pytest  # noqa: PLC0415 - imported already, in the parent

        plain = [
            "-x",
            "-q",
            "-p",
            "no:randomly",
            "-p",
            "no:cacheprovider",
            "-m",
            "not world and not browser and not heavy",
        ]
        os._exit(int(pytest.main([*plain, *tests])))
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def described(names: list[str]) -> dict[str, list[tuple[str, str, list[str]]]]:
    """Stage -> its modules with a check: name, file, test files; found in a process of its own, which imports them."""
    read, write = os.pipe()
    if os.fork() == 0:
        from launchready_lib import checks, roadmap  # noqa: PLC0415 - the parent must not have them
        from launchready_lib.command import where  # noqa: PLC0415

        found: dict[str, dict[str, tuple[str, str, list[str]]]] = {}
        for check, function in checks.registered().items():
            inner = inspect.unwrap(function)
            stage = roadmap.load().checks[check].stage
            tests = [place for place in where.places(check)["tests"] if "test_fault_matrix" not in place]
            old = found.setdefault(stage, {}).get(inner.__module__, ("", "", []))[2]
            entry = (inner.__module__, inspect.getfile(inner), sorted({*old, *tests}))
            found[stage][inner.__module__] = entry
        os.write(write, repr({stage: list(each.values()) for stage, each in found.items()}).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        every: dict[str, list[tuple[str, str, list[str]]]] = ast.literal_eval(stream.read().decode())
    os.wait()
    return {stage: modules for stage, modules in every.items() if not names or stage in names}


def main() -> None:
    """Print, for each stage, how many mutants of the sample were killed, and every survivor."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--stages", default="", help="ids, by commas; default: all")
    options.add_argument("--sample", type=int, default=60, help="mutants tried for each stage")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    stages = described([name for name in given.stages.split(",") if name])
    for name in (
        "pytest",
        "hypothesis",
        "pandas",
        "httpx",
        "dns.asyncresolver",
        "cryptography.x509",
        "yaml",
        "pydantic",
    ):
        importlib.import_module(name)
    total: Counter[str] = Counter()
    for stage, modules in stages.items():
        every = [
            (mutant, path, tests)
            for module, path, tests in modules
            for mutant in mutants(stage, module, Path(path).read_text("utf-8"))
        ]
        chosen = random.Random(given.seed).sample(every, min(given.sample, len(every)))  # noqa: S311 - a sample
        files = {mutant.module: (path, tests) for mutant, path, tests in chosen}
        sound = {module: survives(None, *found) for module, found in files.items()}
        for broken in (name for name, fine in sound.items() if not fine):
            print(f"  {broken}: its tests fail or take over {SECONDS} s without any mutant; left out", flush=True)
        tried = [each for each in chosen if sound[each[0].module]]
        left = [mutant for mutant, path, tests in tried if survives(mutant, path, tests)]
        killed = len(tried) - len(left)
        total.update(tried=len(tried), killed=killed)
        print(f"{stage}: {killed} of {len(tried)} mutants killed (of {len(every)} there are)", flush=True)
        for mutant in left:
            print(f"  survived: {mutant.change}", flush=True)
    print(f"all: {total['killed']} of {total['tried']}")


if __name__ == "__main__":
    main()
