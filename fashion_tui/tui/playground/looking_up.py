"""The Playground's part that looks things up: names that fit, what was typed before, what a name means."""

from textual import on, work

from .docs import Docs
from .exporting import ExportingPane
from .messages import CompletionWanted, SearchOver
from .prompt import Prompt
from .search import HistorySearch


class LookingUpPane(ExportingPane):
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
        if not self.query_one(Prompt).is_answering:
            self.query_one(Docs).close()
            self.query_one("#entry").display = False
            self.query_one(HistorySearch).open()

    @on(SearchOver)
    def _search_over(self, message: SearchOver) -> None:
        if message.entry is not None:
            self.query_one(Prompt).put(message.entry)
        self.close_search()

    def close_search(self) -> None:
        search = self.query_one(HistorySearch)
        if search.is_open:
            search.close()
            self.query_one("#entry").display = True
            self.query_one(Prompt).focus()

    # What a name means

    def action_docs(self) -> None:
        prompt, docs = self.query_one(Prompt), self.query_one(Docs)
        if docs.is_open and docs.place == (prompt.text, prompt.cursor):
            docs.close()
        else:
            self._inspect(prompt.text, prompt.cursor)

    @work(group="docs", exclusive=True)
    async def _inspect(self, code: str, cursor: int) -> None:
        found = await self._conversation.inspect(code, cursor)
        match found.status:
            case "found":
                self.query_one(Docs).open(found.text, (code, cursor))
            case "missing":
                self.notify("Nothing is known of what stands at the cursor; a name or a call has to.")
            case "unknown":
                self.notify("The kernel gives no answer in time; try again in a moment.", severity="warning")
