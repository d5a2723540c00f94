"""`fashion-tui settings`."""

import click

from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import print_line, write_json
from fashion_tui.data.files import data_location
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.paths import check_utf8
from fashion_tui.settings import DEFAULT_SETTINGS, settings_path, user_settings


@click.command(
    "settings",
    epilog="""\b
Examples:
  fashion-tui settings                  show the settings that are in effect
  fashion-tui settings --path           print the path of the file
  fashion-tui settings --default        print a settings file to edit
  fashion-tui settings --default > settings.toml
\b
An invalid value is reported, and the default is used instead.""",
)
@click.option("--path", "only_path", is_flag=True, help="Print the path of the settings file, which may not exist.")
@click.option("--default", "default", is_flag=True, help="Print a settings file that contains all defaults.")
@json_option
@common_options
def settings_command(*, only_path: bool, default: bool, as_json: bool, common: CommonOptions) -> None:
    """Show the settings and the path of their file.

    The settings are the theme, how images are enlarged, the folders, the data set, the recipe, the command to run after
    the end of a run, and any changed key bindings. They are read from a TOML file; options and environment variables
    take precedence.
    """
    if only_path + default + as_json > 1:
        raise UsageError("--path, --default and --json can't be combined")
    if default:
        for line in _default_file().splitlines():
            print_line(line)
    elif only_path:
        print_line(str(settings_path()))
    elif as_json:
        settings = {**_values(common), "keys": _changed_keys()}
        problems = [*user_settings().problems, *_key_problems()]
        write_json({"path": str(settings_path()), "settings": settings, "problems": problems})
    else:
        print_line(f"file     {settings_path()}{'' if settings_path().exists() else ' (does not exist)'}")
        for name, value in _values(common).items():
            print_line(f"{name:<8} {value or '(none)'}")
        for group, actions in _changed_keys().items():
            for action, keys in actions.items():
                print_line(f"{'key':<8} {group}.{action} = {keys}")
        for problem in _key_problems():
            print_line(f"fashion-tui: {problem}", err=True)


def _values(common: CommonOptions) -> dict[str, str]:
    """Return the settings in effect, except the key bindings."""
    data = data_location(common.data)
    return {
        "theme": user_settings().theme,
        "images": user_settings().images,
        "data": str(check_utf8(data.directory.absolute(), data.specified_by or "the data folder")),
        "runs": str(common.runs_directory),
        "dataset": common.dataset_name,
        "recipe": user_settings().recipe,
        "on_end": user_settings().on_end,
    }


def _default_file() -> str:
    # Imported here because no other command needs Textual.
    from fashion_tui.tui.actions import DEFAULT_GROUPS  # noqa: PLC0415
    from fashion_tui.tui.key_settings import default_key_settings  # noqa: PLC0415

    return f"{DEFAULT_SETTINGS}\n{default_key_settings(DEFAULT_GROUPS)}"


def _changed_keys() -> dict[str, dict[str, str]]:
    """Return the app's key bindings that differ from the defaults, by group and action."""
    if not user_settings().keys:
        return {}
    from fashion_tui.tui.actions import DEFAULT_GROUPS, GROUPS  # noqa: PLC0415
    from fashion_tui.tui.key_settings import changed_keys  # noqa: PLC0415

    return changed_keys(DEFAULT_GROUPS, GROUPS)


def _key_problems() -> list[str]:
    """Return a message for each invalid key binding in the settings file. Only the app uses key bindings."""
    if not user_settings().keys:
        return []
    from fashion_tui.tui.actions import KEY_PROBLEMS  # noqa: PLC0415

    return [f"{settings_path()}: {problem}" for problem in KEY_PROBLEMS]
