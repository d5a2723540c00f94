"""The command palette, which offers all actions in the registry."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from .actions import EVERYWHERE, IN_PANE, ONLY_IN_PALETTE
from .lab_app import LabApp


class ActionCommands(Provider):
    """Searches the registry of actions. To run an action of a pane, the command first shows that pane."""

    def _commands(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """Yield the title, key and callback of each action."""
        lab_app = cast("LabApp", self.app)
        seen: set[str] = set()
        for pane, actions in IN_PANE.items():
            for action in actions:
                title = f"{pane.capitalize()}: {action.title}"
                if title not in seen:
                    seen.add(title)
                    yield title, action.key_text, partial(lab_app.run_on_pane, pane, action.name)
        for action in (*EVERYWHERE, *ONLY_IN_PALETTE):
            if action.title not in seen and action.name != "command_palette":
                seen.add(action.title)
                yield action.title, action.key_text, partial(self.app.run_action, action.name)

    async def discover(self) -> Hits:
        for title, key, run in self._commands():
            yield DiscoveryHit(title, run, help=key)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, key, run in self._commands():
            if (score := matcher.match(title)) > 0:
                yield Hit(score, matcher.highlight(title), run, help=key)
