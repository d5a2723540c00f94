"""An action that the user starts with a key or from the palette."""

from dataclasses import dataclass

from textual.binding import Binding

from fashion_tui.report.glyphs import terminal_glyphs


@dataclass(frozen=True, slots=True)
class Action:
    """An action that the user starts with a key or from the palette."""

    name: str
    """Name of the action. The method `action_NAME` of the pane or the app implements it."""
    keys: str
    """Names of keys as Textual spells them, separated by commas."""
    title: str
    """Description for the help dialog and the palette."""
    label: str = ""
    """One or two words for the footer. If empty, the action is not shown there."""
    shown_key: str = ""
    """The key as shown in the footer and the help dialog. If empty, the first of `keys` is shown."""
    priority: bool = False
    """Whether the key works inside editors too."""

    setting: str = ""
    """Name of the action in the settings file. If empty, it is `name`, which must then have no arguments."""

    @property
    def id(self) -> str:
        return self.setting or self.name

    @property
    def key_text(self) -> str:
        return terminal_glyphs().key_names(self.shown_key or self.keys.split(",")[0])

    def binding(self) -> Binding:
        return Binding(
            self.keys,
            self.name,
            self.label or self.title,
            show=bool(self.label),
            key_display=self.key_text,
            priority=self.priority,
            tooltip=self.title,
        )
