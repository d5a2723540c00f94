"""The palette finds an action by its title, its label in the footer and its keywords."""

import pytest

from fashion_tui.tui.actions import EVERYWHERE, IN_PANE
from fashion_tui.tui.palette import match_score, matched_spans

TITLES = [
    *((f"{pane.capitalize()}: {action.title}", action) for pane, actions in IN_PANE.items() for action in actions),
    *((action.title, action) for action in EVERYWHERE),
]


def _found(query: str) -> list[str]:
    scores = {title: match_score(query, title, action.label, action.keywords) for title, action in TITLES}
    return sorted((title for title, score in scores.items() if score), key=lambda title: -scores[title])


@pytest.mark.parametrize(
    ("query", "pane", "part"),
    [
        ("export", "Evaluate", "Save a report"),
        ("onnx", "Evaluate", "Save a report"),
        ("csv", "Evaluate", "Save a report"),
        ("audit", "Data", "suspicious labels"),
        ("verify", "Data", "Next view"),
        ("own network", "Model", "Open a built-in network"),
        ("saliency", "Evaluate", "Explain"),
        ("Grad-CAM", "Evaluate", "Explain"),
        ("occlusion", "Evaluate", "Explain"),
        ("verdict", "Evaluate", "simple models"),
        ("noise", "Evaluate", "corrupted images"),
        ("mistakes", "Evaluate", "wrong predictions"),
        ("neighbours", "Evaluate", "Explain"),
        ("two runs", "Evaluate", "another run"),
    ],
)
def test_a_keyword_finds_its_action(query: str, pane: str, part: str) -> None:
    assert any(title.startswith(pane) and part in title for title in _found(query)), _found(query)


def test_the_letters_of_a_query_must_be_together() -> None:
    assert match_score("xport", "Export the network", "", "") == 0  # inside a word
    assert match_score("ntx", "Next x axis", "", "") == 0
    assert _found("qqq") == _found("") == _found(" - ") == []
    assert all("x axis" not in title for title in _found("export"))


def test_every_word_of_the_query_must_be_found() -> None:
    assert match_score("export network", "Save", "network", "export onnx") > 0
    assert match_score("export chart", "Save", "network", "export onnx") == 0


def test_a_title_counts_more_than_a_label_and_a_label_more_than_a_keyword() -> None:
    title, beginning, label, keyword = (
        match_score("audit", *texts)
        for texts in (("Data: Audit", "", ""), ("Audited", "", ""), ("", "audit", ""), ("", "", "audit"))
    )
    assert 1 >= title > beginning > label > keyword > 0


def test_case_punctuation_and_a_plural_are_ignored() -> None:
    assert match_score("train: START", "Train: Start a new run", "", "") == 1
    assert match_score("two runs", "Compare two with another run", "", "") == 1


def test_matched_parts_of_the_title() -> None:
    assert matched_spans("runs tr", "Train: Start a run") == [(0, 2), (15, 18)]
    assert matched_spans("csv", "Train: Start a run") == []


def test_only_a_few_actions_are_found_by_keywords() -> None:
    """Keywords add to the title; they don't repeat it or the label."""
    for title, action in TITLES:
        words = action.keywords.split()
        assert len(words) <= 10
        assert [word for word in words if match_score(word, title, action.label, "")] == []
