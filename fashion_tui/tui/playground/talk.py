"""The talk with the kernel on the screen: the transcript, and right below it what belongs to the prompt."""

from textual import on
from textual.containers import Vertical

from .messages import HeightChanged
from .transcript.transcript import Transcript


class Talk(Vertical):
    """The prompt stands right below the transcript, which has the room that the others leave."""

    def on_resize(self) -> None:
        self.fit()

    @on(HeightChanged)
    def _room_changed(self, message: HeightChanged) -> None:
        message.stop()
        self.call_after_refresh(self.fit)

    def fit(self) -> None:
        transcript, docs = self.query_one(Transcript), self.query("Documentation")
        heights = {child: child.outer_size.height for child in self.displayed_children if child is not transcript}
        free = self.size.height - sum(height for child, height in heights.items() if child not in docs)
        docs.set_styles(max_height=max(1, min(self.size.height // 2, free - 2)))
        transcript.styles.max_height = max(1, self.size.height - sum(heights.values()))
