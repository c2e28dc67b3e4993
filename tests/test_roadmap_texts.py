"""The catalogue keeps the whole shared roadmap and says everything about each check in a founder's words."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "roadmap.yaml"
FIXED_KEYS = {"severity", "item", "bar", "target", "active", "attest", "fixed", "passes"}
TEXT_KEYS = {"title", "why", "fix", "effort", "references"}


class _OneOfEachKey(yaml.SafeLoader):
    """Refuses a mapping that names a key twice, which YAML itself lets pass in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice at {node.start_mark}"
        return super().construct_mapping(node, deep=deep)


_OneOfEachKey.add_constructor(
    yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, lambda loader, node: loader.construct_mapping(node, deep=True)
)


def _read(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_OneOfEachKey)


ROADMAP = _read(ROOT / "launchready_lib" / "roadmap.yaml")
QUESTIONS = [question for stage in ROADMAP["stages"] for question in stage["questions"]]
CHECKS = {id_: check for question in QUESTIONS for id_, check in question["checks"].items()}
every_check = pytest.mark.parametrize("check", [pytest.param(check, id=id_) for id_, check in CHECKS.items()])


def _lost(given: Any, kept: Any, where: str) -> list[str]:
    """Places where `kept` does not say what `given` says; a text may have become the `text` of a mapping."""
    if isinstance(given, dict):
        if not isinstance(kept, dict):
            return [where]
        return [place for key in given for place in _lost(given[key], kept.get(key), f"{where}.{key}")]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [place for n, item in enumerate(given) for place in _lost(item, kept[n], f"{where}[{n}]")]
    if isinstance(given, str) and isinstance(kept, dict):
        kept = kept.get("text")
    return [] if type(given) is type(kept) and given == kept else [where]


@pytest.fixture(scope="module")
def shared() -> dict[str, Any]:
    if not SHARED.exists():
        pytest.skip("no shared/roadmap.yaml beside the checkout to compare with")
    return _read(SHARED)


def test_nothing_of_the_shared_roadmap_is_lost_or_changed(shared):
    """Everything that the shared file says is said by ours, value for value."""
    assert _lost(shared, ROADMAP, "roadmap") == []


def test_nothing_but_texts_is_added_to_a_shared_check(shared):
    """A check has no severity, bar, permission or attestation that the shared file does not give it."""
    fixed = {
        id_: check
        for stage in shared["stages"]
        for question in stage["questions"]
        for id_, check in question["checks"].items()
    }
    assert {id_: set(CHECKS[id_]) - TEXT_KEYS for id_ in fixed} == {id_: set(check) for id_, check in fixed.items()}


def test_the_order_of_the_shared_roadmap_is_kept(shared):
    """Stages, questions and checks stand in the order of the shared file."""
    ours = [
        (stage["id"], q["ask"], id_) for stage in ROADMAP["stages"] for q in stage["questions"] for id_ in q["checks"]
    ]
    theirs = [
        (stage["id"], q["ask"], id_) for stage in shared["stages"] for q in stage["questions"] for id_ in q["checks"]
    ]
    assert [entry for entry in ours if entry in theirs] == theirs


def test_there_are_a_hundred_and_three_checks():
    """Seven stages hold a hundred and three checks."""
    assert (len(ROADMAP["stages"]), len(CHECKS)) == (7, 103)


def test_a_check_stands_in_one_place_only():
    """No check id answers two questions."""
    ids = [id_ for question in QUESTIONS for id_ in question["checks"]]
    assert len(ids) == len(set(ids))


@every_check
def test_a_check_has_all_texts_and_no_unknown_key(check):
    """Title, why, fix, effort and references are there, beside the fixed keys and nothing else."""
    assert set(check) >= TEXT_KEYS | {"severity", "passes"}
    assert set(check) <= TEXT_KEYS | FIXED_KEYS


@every_check
def test_a_title_is_a_short_heading(check):
    """A title fits a line of a table and has no full stop."""
    assert 10 <= len(check["title"]) <= 60
    assert not check["title"].endswith(".")


@every_check
@pytest.mark.parametrize("key", ["why", "fix"])
def test_why_and_fix_are_one_to_three_sentences(check, key):
    """A text is long enough to be concrete, short enough to be read, and free of markup."""
    text = check[key]
    assert 40 <= len(text) <= 400
    assert text.endswith(".")
    assert "  " not in text
    assert not set("`*<>\n") & set(text)


@every_check
def test_an_effort_is_a_number_of_hours_in_a_sprint(check):
    """Hours to fix are more than nothing and at most two working days."""
    assert isinstance(check["effort"], (int, float))
    assert not isinstance(check["effort"], bool)
    assert 0 < check["effort"] <= 16


@every_check
def test_references_are_a_few_https_addresses(check):
    """One to three pages stand behind each check."""
    references = check["references"]
    assert 1 <= len(references) == len(set(references)) <= 3
    assert all(isinstance(r, str) and r.startswith("https://") and " " not in r for r in references)


@pytest.mark.parametrize("key", ["title", "why", "fix"])
def test_no_two_checks_share_a_text(key):
    """A text that fits two checks says nothing about either."""
    texts = [check[key].casefold() for check in CHECKS.values()]
    assert len(texts) == len(set(texts))


@every_check
def test_a_check_points_to_entries_that_exist(check):
    """Bar, target and sprint item are entries of this file."""
    assert check.get("bar") in {None, *ROADMAP["minimum_bar"]}
    assert check.get("target") in {None, *ROADMAP["targets"]}
    assert check.get("item") in {None, *range(1, len(ROADMAP["sprint_items"]) + 1)}


@pytest.mark.parametrize("question", [pytest.param(question, id=question["ask"]) for question in QUESTIONS])
def test_a_question_says_why_it_matters_and_what_stays_unseen(question):
    """Every question has both texts for its notebook, in plain sentences."""
    for key in ("matters", "blind"):
        assert 40 <= len(question[key]) <= 320
        assert question[key].endswith(".")
    assert question["ask"].endswith("?")


def test_targets_and_bar_have_names_for_the_report():
    """Every target and entry of the minimum bar has a short label; a target also says itself in plain words."""
    for entry in (*ROADMAP["targets"].values(), *ROADMAP["minimum_bar"].values()):
        assert 1 <= len(entry["label"].split()) <= 4
    assert all(target["plain"].endswith(".") for target in ROADMAP["targets"].values())


def test_failure_signals_come_from_checks_that_exist():
    """A signal names only checks of the catalogue."""
    named = {
        id_ for stage in ROADMAP["stages"] for signal in stage["failure_signals"].values() for id_ in signal["from"]
    }
    assert named <= set(CHECKS)


def test_yaml_1_1_has_read_every_text_as_text():
    """No word became true, a date or a number on the way (no, on, 12:30, 2026-11-01)."""
    assert all(
        isinstance(check[key], str)
        for check in CHECKS.values()
        for key in ("title", "passes", "why", "fix", "severity")
    )
    assert all(isinstance(text, str) for text in (*ROADMAP["sprint_items"], *ROADMAP["automations"].values()))
    assert all(
        isinstance(key, str) for key in (*CHECKS, *ROADMAP["targets"], *ROADMAP["minimum_bar"], *ROADMAP["automations"])
    )
