"""`fashion-tui lr-find`."""

from typing import Any

import click
import msgspec

from fashion_tui.cli.engine import ask_engine
from fashion_tui.cli.field_options import GroupedCommand, field_options
from fashion_tui.cli.inputs import (
    check_custom_model,
    check_device,
    find_dataset,
    parse_arguments,
    prepare_fine_tuning,
    read_custom_model,
)
from fashion_tui.cli.options import CommonOptions, common_options, json_option, network_options
from fashion_tui.cli.output import note_synthetic, print_line, show, write_json
from fashion_tui.report.charts.range_plot import RangePlot
from fashion_tui.schema.builtin_recipes import recipe_named
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.fields import fields_of
from fashion_tui.schema.range_test import (
    DEFAULT_STEPS,
    FIELDS_WITHOUT_EFFECT,
    RangeTest,
    check_steps,
)
from fashion_tui.schema.recipe import Recipe, adapt, with_model
from fashion_tui.schema.recipe_checks import check_dataset, check_recipe
from fashion_tui.schema.requests import FindLearningRate
from fashion_tui.schema.run import RunConfig, check_run_values
from fashion_tui.settings import user_settings

RECIPE_FIELDS = fields_of(Recipe).keys() - FIELDS_WITHOUT_EFFECT

PLOT_HEIGHT = 18
"""Height of the plot in lines, including its title and labels."""


@click.command(
    "lr-find",
    cls=GroupedCommand,
    epilog="""\b
Examples:
  fashion-tui lr-find
  fashion-tui lr-find --recipe quick --batch-size 256
  fashion-tui lr-find --model net.py:Net --args '{"width": 32}'
  fashion-tui lr-find --json | jq .suggestion
\b
The network is trained for a few steps with learning rates that rise from 1e-7 to 10. The suggestion is
the learning rate at which the smoothed loss has fallen halfway to its minimum, but at most a quarter of
the learning rate with the lowest loss, at which training is about to diverge. For a recipe that uses
Muon, the suggestion is the learning rate of the filters. No run is created.""",
)
@network_options
@click.option(
    "--steps", type=int, default=DEFAULT_STEPS, metavar="N", show_default=True, help="Number of learning rates to try."
)
@field_options(Recipe, default_description="the recipe's", only=RECIPE_FIELDS)
@field_options(RunConfig, only={"seed", "device"})
@json_option
@common_options
def lr_find_command(*, common: CommonOptions, as_json: bool, **options: Any) -> None:
    """Suggest a learning rate, and plot the loss against the learning rate.

    The exit status is 1 if no learning rate can be suggested.
    """
    request = _request(common, options)
    result = ask_engine(request, RangeTest, "testing learning rates")
    note_synthetic(request.dataset.name)
    if as_json:
        write_json({"suggestion": result.suggestion, "learning_rates": result.learning_rates, "losses": result.losses})
    else:
        show(RangePlot(result, PLOT_HEIGHT))
    if result.suggestion is None:
        raise UserError(f"no suggestion: {result.problem}")
    if not as_json:
        print_line(f"suggested learning rate: {result.suggestion:g}")


def _request(common: CommonOptions, options: dict[str, Any]) -> FindLearningRate:
    """Validate the options, and return the request. Raises UserError."""
    check_steps(options["steps"])
    custom = read_custom_model(options["model"], parse_arguments(options["arguments"]))
    changes = {name: options[name] for name in ("model", *RECIPE_FIELDS) if options[name] is not None}
    base = recipe_named(options["recipe"] or user_settings().recipe)
    base = base if options["model"] is None else with_model(base, options["model"])
    check_recipe(msgspec.structs.replace(base, **changes), is_custom=custom is not None)
    check_run_values(seed=options["seed"])
    check_device(options["device"])
    dataset = find_dataset(common)
    recipe = msgspec.structs.replace(adapt(base, dataset), **changes)
    check_dataset(recipe, dataset, is_custom=custom is not None)
    if custom is not None:
        custom = check_custom_model(custom, dataset.task)
        recipe = msgspec.structs.replace(recipe, model=custom.class_name)
    recipe = prepare_fine_tuning(recipe, dataset.task).recipe
    return FindLearningRate(
        recipe=recipe,
        network=custom,
        dataset=dataset.ref,
        seed=options["seed"],
        device=options["device"],
        steps=options["steps"],
    )
