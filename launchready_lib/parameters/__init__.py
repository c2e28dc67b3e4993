"""A client's parameters: one YAML file, validated once; secrets stay names until used.

Imports roadmap, evidence and what lies below them.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from launchready_lib.parameters import errors
from launchready_lib.parameters.hosts import domain_name
from launchready_lib.parameters.model import Parameters, slug_of
from launchready_lib.parameters.problems import ParametersError, Problem, nearest
from launchready_lib.parameters.reader import Tree, read_file, read_mapping
from launchready_lib.parameters.secret import MissingVariable, Secret, environment
from launchready_lib.parameters.strength import accept

__all__ = [
    "MissingVariable",
    "Parameters",
    "ParametersError",
    "Problem",
    "Secret",
    "accept",
    "environment",
    "load",
    "slug_of",
    "starter",
]


def load(source: str | Path | Mapping[Any, Any], *, root: Path | None = None) -> Parameters:
    """Read and validate a client's parameters; raises `ParametersError` with everything that is wrong.

    `source` is a file (relative to the working directory, or to `root`), or the mapping that papermill makes of one:
    the content under `client`, or a mapping whose one key is `client`.
    """
    if isinstance(source, Mapping):
        tree = read_mapping(source)
        content = tree.value
    elif isinstance(source, str | Path):
        tree = read_file(_found(source, root), str(source))
        content = _under_client(tree)
    else:
        raise ParametersError([Problem("expected a file's name or the content of one", "client")])
    parameters = None
    if content is not None or not tree.problems:
        try:
            parameters = Parameters.model_validate({} if content is None else content)
        except ValidationError as error:
            errors.report(error, tree, Parameters)
    if parameters is not None:
        for path, message, suggestion in errors.complaints(parameters):
            tree.report(message, path, suggestion=suggestion)
    if parameters is None or tree.problems:
        raise ParametersError(tree.problems)
    return parameters


def _found(source: str | Path, root: Path | None) -> Path:
    path = Path(source)
    try:
        beside_root = root is not None and not path.is_absolute() and not path.exists() and (root / path).exists()
    except (OSError, ValueError):
        return path
    return root / path if root is not None and beside_root else path


def _under_client(tree: Tree) -> Any:
    if tree.problems and tree.value is None:
        return None
    if not isinstance(tree.value, dict):
        tree.report("expected one top-level key: client, with everything below it")
        return None
    unknown = [key for key in tree.value if key != "client"]
    if "client" in tree.value:
        for key in unknown:
            tree.report("unknown key; the only one at the top is client", (key,))
        return tree.value["client"]
    close = nearest("client", unknown)
    inside = set(unknown) & set(Parameters.known())
    hint = "; put these keys below it, indented" if inside else ""
    tree.report(
        f"expected one top-level key: client{hint}", (close,) if close else (), suggestion="client" if close else None
    )
    return None


def starter(domain: str) -> str:
    """A commented parameters file, valid, the optional commented out; raises `ParametersError` for no domain."""
    try:
        ascii_domain = domain_name(domain.strip())
    except PydanticCustomError as error:
        raise ParametersError([Problem((error.context or {})["message"], "domain")]) from None
    today = dt.datetime.now(tz=dt.UTC).date()
    label = ascii_domain.split(".", 1)[0]
    facts = {
        "NAME": json.dumps(label.replace("-", " ").title() if not label.startswith("xn--") else ascii_domain),
        "SLUG": json.dumps(label),
        "DOMAIN": ascii_domain,
        "RELEASE": json.dumps(f"{today.year}.{today.month}.{today.day}"),
        "TODAY": today.isoformat(),
    }
    template = Path(__file__).with_name("starter.template.yaml").read_text(encoding="utf-8")
    return re.sub(r"@(NAME|SLUG|RELEASE|TODAY|DOMAIN)@", lambda match: facts[match[1]], template)
