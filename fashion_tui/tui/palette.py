"""The palette's commands: every action of the registry, on whichever pane it lives."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from .actions import EVERYWHERE, ON_PANE

if TYPE_CHECKING:
    from collections.abc import Callable

    from .app import FashionApp


class ActionCommands(Provider):
    """Searches the registry of actions."""

    def _commands(self) -> "Iterator[tuple[str, str, Callable[[], object]]]":
        app = cast("FashionApp", self.app)
        seen: set[str] = set()
        for pane, actions in ON_PANE.items():
            for action in actions:
                title = f"{pane.capitalize()}: {action.title}"
                if title not in seen:
                    seen.add(title)
                    yield title, action.key_text, partial(app.run_on_pane, pane, action.name)
        for action in EVERYWHERE:
            if action.title not in seen and action.name != "command_palette":
                seen.add(action.title)
                yield action.title, action.key_text, partial(app.run_action, action.name)

    async def discover(self) -> Hits:
        for title, key, run in self._commands():
            yield DiscoveryHit(title, run, help=key)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, key, run in self._commands():
            if (score := matcher.match(title)) > 0:
                yield Hit(score, matcher.highlight(title), run, help=key)
