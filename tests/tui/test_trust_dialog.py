"""The source in the dialog that asks whether to trust it."""

from fashion_tui.tui.dialogs.trust import printable_source


def test_printable_source_replaces_control_and_invisible_characters() -> None:
    source = "a = 1  # \x1b[8m\rimport os\t# \u202e\u200b[bold]x[/]\r\n"
    assert printable_source(source) == "a = 1  # �[8m\nimport os   # ��[bold]x[/]\n"
