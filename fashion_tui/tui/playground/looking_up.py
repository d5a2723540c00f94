"""The Playground's part that looks things up: names that fit, what was typed before, what a name means."""

from typing import TYPE_CHECKING

from textual import on, work

from .exporting import ExportingPane
from .messages import CompletionWanted, SearchClosed
from .prompt.editor import Prompt
from .prompt.history import History
from .talk import Talk

if TYPE_CHECKING:
    from .prompt.documentation import Documentation
    from .prompt.search import HistorySearch


class LookingUpPane(ExportingPane):
    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._history = History()
        self.search: HistorySearch | None = None
        self.docs: Documentation | None = None

    async def fill(self) -> None:
        """To be called after the first paint, which doesn't wait for what isn't seen."""
        from .prompt.documentation import Documentation
        from .prompt.search import HistorySearch

        self.search, self.docs = HistorySearch(self._history), Documentation()
        await self.query_one(Talk).mount(self.search, self.docs, after="CompletionMenu")

    # Names

    def action_complete(self) -> None:
        prompt = self.query_one(Prompt)
        if prompt.has_focus:
            prompt.action_complete()
        else:
            prompt.focus()

    @on(CompletionWanted)
    def _completion_wanted(self) -> None:
        self._complete()

    @work(group="completion", exclusive=True)
    async def _complete(self) -> None:
        prompt = self.query_one(Prompt)
        code, cursor = prompt.text, prompt.cursor
        found = await self._conversation.complete(code, cursor)
        if (prompt.text, prompt.cursor) == (code, cursor) and found.end == cursor:
            prompt.offer(found.matches, found.start)

    # What was typed before

    def action_search(self) -> None:
        if self.search is not None and not self.query_one(Prompt).is_answering:
            self.close_docs()
            self.query_one("#entry").display = False
            self.search.open()

    @on(SearchClosed)
    def _search_over(self, message: SearchClosed) -> None:
        if message.entry is not None:
            self.query_one(Prompt).put(message.entry)
        self.close_search()

    def close_search(self) -> None:
        if self.search is not None and self.search.is_open:
            self.search.close()
            self.query_one("#entry").display = True
            self.screen.set_focus(self.query_one(Prompt))  # at once: the next key is the prompt's

    # What a name means

    def action_docs(self) -> None:
        prompt, docs = self.query_one(Prompt), self.docs
        if docs is not None and docs.is_open and docs.place == (prompt.text, prompt.cursor):
            docs.close()
        else:
            self._inspect(prompt.text, prompt.cursor)

    @work(group="docs", exclusive=True)
    async def _inspect(self, code: str, cursor: int) -> None:
        found = await self._conversation.inspect(code, cursor)
        if found.status == "unknown" or self.docs is None:
            self.notify("The kernel gives no answer in time; try again in a moment.", severity="warning")
        elif found.status == "missing":
            self.notify("Nothing is known of what stands at the cursor; a name or a call has to.")
        else:
            self.docs.open(found.text, (code, cursor))

    def close_docs(self) -> bool:
        """Whether there were any to be closed."""
        if self.docs is None or not self.docs.is_open:
            return False
        self.docs.close()
        return True
