"""The command palette, which offers all actions in the registry."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from .action import Action
from .actions import EVERYWHERE, IN_PANE
from .lab_app import LabApp
from .pane_actions import ONLY_IN_PALETTE

WORD = re.compile(r"\w+")
WHOLE_TITLE_WORD, TITLE_WORD, LABEL_WORD, KEYWORD = 1.0, 0.8, 0.5, 0.3
"""Scores of a word of the query, by where it was found."""


def match_score(query: str, title: str, label: str, keywords: str) -> float:
    """Return how well an action matches the query, between 0 (no match) and 1.

    Every word of the query must be the beginning of a word of the title, the label or the keywords. Case, punctuation
    and a plural s are ignored. The score is the mean of the scores of the words.
    """
    words = _words(query)
    texts = (_words(title), _words(label), _words(keywords))
    scores = [_word_score(word, *texts) for word in words]
    return sum(scores) / len(scores) if scores and all(scores) else 0.0


def _word_score(word: str, title: list[str], label: list[str], keywords: list[str]) -> float:
    if word in title:
        return WHOLE_TITLE_WORD
    found = ((TITLE_WORD, title), (LABEL_WORD, label), (KEYWORD, keywords))
    return next((score for score, words in found if any(other.startswith(word) for other in words)), 0.0)


def _words(text: str) -> list[str]:
    return [_singular(word) for word in WORD.findall(text.lower())]


def _singular(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word


def matched_spans(query: str, title: str) -> list[tuple[int, int]]:
    """Return the start and end of each part of the title that a word of the query matches."""
    words = _words(query)
    lengths = (
        (found.start(), max((len(word) for word in words if found.group().lower().startswith(word)), default=0))
        for found in WORD.finditer(title)
    )
    return [(start, start + length) for start, length in lengths if length]


class ActionCommands(Provider):
    """Searches the registry of actions. To run an action of a pane, the command first shows that pane."""

    def _commands(self) -> Iterator[tuple[str, Action, Callable[[], object]]]:
        """Yield the title and callback of each action."""
        lab_app = cast("LabApp", self.app)
        seen: set[str] = set()
        for pane, actions in IN_PANE.items():
            for action in actions:
                title = f"{pane.capitalize()}: {action.title}"
                if title not in seen:
                    seen.add(title)
                    yield title, action, partial(lab_app.run_on_pane, pane, action.name)
        for action in (*EVERYWHERE, *ONLY_IN_PALETTE):
            if action.title not in seen and action.name != "command_palette":
                seen.add(action.title)
                yield action.title, action, partial(self.app.run_action, action.name)

    async def discover(self) -> Hits:
        for title, action, run in self._commands():
            yield DiscoveryHit(title, run, help=action.key_text)

    async def search(self, query: str) -> Hits:
        for title, action, run in self._commands():
            if (score := match_score(query, title, action.label, action.keywords)) > 0:
                shown = Content(title)
                for start, end in matched_spans(query, title):
                    shown = shown.stylize(self.match_style or "underline", start, end)
                yield Hit(score, shown, run, help=action.key_text)
