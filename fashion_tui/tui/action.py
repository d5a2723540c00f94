"""The definition of an action: its name, keys, title and label."""

from dataclasses import dataclass

from textual.binding import Binding

from fashion_tui.report.glyphs import terminal_glyphs


@dataclass(frozen=True, slots=True)
class Action:
    """An action that the user starts with a key or from the command palette."""

    name: str
    """Name of the action. The method `action_NAME` of the pane or the app implements it."""
    keys: str
    """Key names in Textual's spelling, separated by commas, such as `right,l`."""
    title: str
    """Description for the help dialog and the palette."""
    label: str = ""
    """Label in the footer, one or two words. If empty, the footer doesn't show the action."""
    shown_key: str = ""
    """Keys shown in the footer and the help dialog. If empty, the first key in `keys` is shown."""
    footer_keys: str = ""
    """Keys of this and similar actions that the footer shows with one label, such as `↑↓`. If empty, the footer shows
    the action's own key."""
    priority: bool = False
    """Whether the keys also work while an editor has the focus."""

    setting: str = ""
    """Name of the action in the settings file. Defaults to `name`. Required if `name` contains arguments."""

    keywords: str = ""
    """Words that aren't in the title or the label but by which the palette should find the action."""

    @property
    def id(self) -> str:
        return self.setting or self.name

    @property
    def key_text(self) -> str:
        return terminal_glyphs().key_names(self.shown_key or self.keys.split(",")[0])

    @property
    def footer_text(self) -> str:
        return terminal_glyphs().key_names(self.footer_keys) if self.footer_keys else self.key_text

    def binding(self) -> Binding:
        return Binding(
            self.keys,
            self.name,
            self.label or self.title,
            show=bool(self.label),
            key_display=self.footer_text,
            priority=self.priority,
            tooltip=self.title,
        )
