"""`fashion-tui train`."""

from contextlib import nullcontext
from typing import Any

import click
import msgspec

from fashion_tui.cli.config_file import read_config_file
from fashion_tui.cli.engine import ask_engine
from fashion_tui.cli.field_options import GroupedCommand, field_options
from fashion_tui.cli.follow import train_to_end
from fashion_tui.cli.inputs import (
    check_custom_model,
    check_device,
    find_dataset,
    parse_arguments,
    prepare_fine_tuning,
    read_custom_model,
)
from fashion_tui.cli.like import Template, read_template
from fashion_tui.cli.options import (
    CommonOptions,
    common_options,
    json_option,
    network_options,
    queue_option,
    trust_option,
)
from fashion_tui.cli.output import (
    note_synthetic,
    print_line,
    print_warning,
    warn_about_recipe,
    warn_about_threads,
    write_json,
)
from fashion_tui.cli.values import RunName
from fashion_tui.data.marks import mislabelled_training_images
from fashion_tui.machine.gpus import has_gpu_driver
from fashion_tui.machine.threads import available_cpus
from fashion_tui.runs import on_end
from fashion_tui.runs.create import create_run
from fashion_tui.runs.launch import launch
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import summarise
from fashion_tui.schema.builtin_recipes import RECIPES, recipe_named
from fashion_tui.schema.dataset import DatasetInfo, DatasetRef
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.fields import InvalidField, fields_of
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import CPU_MICRO_BATCH, Recipe, adapt, with_model
from fashion_tui.schema.recipe_checks import check_dataset, check_recipe, check_validation
from fashion_tui.schema.replies import Device, auto_problem
from fashion_tui.schema.requests import GetDevices
from fashion_tui.schema.run import RunConfig, adapt_like, check_run_values
from fashion_tui.schema.text import printable
from fashion_tui.settings import user_settings

RECIPE_LINES = "\n".join(f"  {recipe.name:<8}{recipe.summary}" for recipe in RECIPES.values())


@click.command(
    "train",
    cls=GroupedCommand,
    epilog=f"""\b
Recipes:
{RECIPE_LINES}
\b
Examples:
  fashion-tui train                                   the guide's recipe
  fashion-tui train --recipe quick
  fashion-tui train --epochs 1 --batch-size 64 --lr 3e-4
  fashion-tui train --dataset synthetic --seed 7      nothing to download
  fashion-tui train --dataset cifar10                 colour images, which are downloaded first
  fashion-tui train --model net.py:Net --args '{{"width": 32}}'
  fashion-tui train --model torchvision:resnet18 --weights default --freeze conv1,bn1,layer1
  fashion-tui train --like latest --lr 3e-4           the same settings with a different learning rate
  fashion-tui train --config net.toml                 the settings in a file
  fashion-tui train --without-marked                  leave out images that are marked as mislabelled
  fashion-tui train --detach                          in the background; see fashion-tui attach
  fashion-tui train --queue --detach                  in the background, as soon as the device is free
  fashion-tui train --json | jq -c 'select(.event == "epoch")'
\b
A file for --config contains options without the dashes, and with _ instead of -:
  recipe = "strong"
  batch_size = 64
  lr = 0.05
  deterministic = true
  model = "net.py:Net"                                relative to the file
  args = {{ width = 32 }}
`fashion-tui runs RUN --config` prints such a file with all settings of a run. Only the command line can set
--queue, --on-end, --detach, --json, --trust and --config.
\b
When a run has ended, its trainer runs the command given by --on-end, for example
  fashion-tui train --on-end 'ntfy publish my-topic "$FASHION_TUI_NAME $FASHION_TUI_STATE"'
with these environment variables: FASHION_TUI_RUN (id), FASHION_TUI_NAME (id without its time),
FASHION_TUI_RUNS (folder), FASHION_TUI_STATE (finished, failed or stopped), FASHION_TUI_ACCURACY (on the test
set, such as 0.9123), FASHION_TUI_STEP, FASHION_TUI_SECONDS (of training) and FASHION_TUI_MESSAGE (why the run
failed). The command may resume or delete the run, or start another one with --detach. A command that fails
or takes more than {on_end.TIME_LIMIT:g} s is reported as a warning. The command isn't run if the trainer is killed by
SIGKILL, for example because the machine ran out of memory, or if the machine goes down.
\b
Ctrl-C saves a checkpoint and stops the run; `fashion-tui resume latest` continues it.
The run trains in its own process and continues if you close the terminal.
\b
On a CPU, a batch of more than {CPU_MICRO_BATCH} images is split into micro-batches, and BatchNorm normalises
each of them separately.""",
)
@network_options
@click.option(
    "--name", metavar="NAME", help="Name to use in the run's id.  [default: the name of the recipe or of your class]"
)
@click.option(
    "--like", type=RunName(), metavar="RUN", help="Use the settings of RUN, except those that other options set."
)
@click.option(
    "--config",
    type=click.Path(),
    metavar="FILE",
    help="Use the settings in a TOML file, except those that other options set; see below.",
)
@field_options(Recipe, default_description="the recipe's")
@field_options(RunConfig)
@click.option(
    "--no-flip",
    is_flag=True,
    help="Don't mirror images in training or evaluation; the same as --flip none.",
)
@click.option(
    "--without-marked",
    is_flag=True,
    help="Don't train on the images that are marked as mislabelled; see fashion-tui mark. Evaluations use all images.",
)
@trust_option
@queue_option
@click.option(
    "--on-end",
    "command",
    metavar="COMMAND",
    help="Shell command to run after the run has finished, failed or been stopped; see below.  "
    "[default: none, or the one in the settings file]",
)
@click.option("--detach", is_flag=True, help="Return at once and train in the background.")
@json_option
@common_options
def train_command(
    *, common: CommonOptions, as_json: bool, detach: bool, queue: bool, command: str | None, **options: Any
) -> None:
    """Train a network in a new run.

    Download the data set if necessary. The file of a custom model (file.py:Class) is stored with the run, and so are
    the modules that it imports from its folder or its package. Data files aren't stored.
    """
    if options["config"] is not None and options["like"] is not None:
        raise UsageError("--config and --like can't be combined")
    config = read_config_file(options["config"])
    if config is not None:
        common, options = config.common(common), config.options(options)
    with nullcontext() if config is None else config.locate_errors():
        template = read_template(common, options)
        if template is not None:
            common, options = (
                template.common(common),
                template.options(options, config.values if config is not None else ()),
            )
        if detach:
            _warn_about_unused_gpu(options["device"])
        run = _create_run(common, options, template)
    with run:
        if (problem := on_end.choose(run, command)) is not None:
            print_warning(problem)
        if detach:
            _print_detached(run, launch(run, queue=queue), as_json=as_json)
        else:
            train_to_end(run, queue=queue, as_json=as_json)


def _create_run(common: CommonOptions, options: dict[str, Any], template: Template | None) -> Run:
    """Validate all input, then create the run's directory."""
    if template is not None and template.network is not None:
        custom: CustomModel | None = template.network
    else:
        custom = read_custom_model(options["model"], parse_arguments(options["arguments"]))
    _check_recipe(options, template, is_custom=custom is not None)
    values = {name: options[name] for name in fields_of(RunConfig)}
    if values["threads"] is None:
        values["threads"] = available_cpus()
    check_run_values(**values)
    check_device(options["device"])
    dataset = find_dataset(common)
    recipe = _recipe(options, template, dataset)
    left_out = _left_out(options, template, dataset.ref)
    check_dataset(recipe, dataset, options["validation"], left_out, is_custom=custom is not None)
    if custom is not None:
        custom = check_custom_model(custom, dataset.task)
        recipe = msgspec.structs.replace(recipe, model=custom.class_name)
    checked = prepare_fine_tuning(recipe, dataset.task)
    recipe = checked.recipe
    run = create_run(
        common.runs_directory,
        recipe=recipe,
        dataset=dataset,
        name=options["name"],
        network=custom,
        left_out=left_out,
        weights_sha256=checked.weights_sha256,
        **values,
    )
    if template is not None:
        template.warn_about_data(dataset.ref)
    note_synthetic(dataset.ref.name)
    if left_out:
        print_line(f"training without {len(left_out):,} images that are marked as mislabelled", err=True)
    warn_about_threads(values["threads"])
    warn_about_recipe(recipe)
    return run


def _left_out(options: dict[str, Any], template: Template | None, dataset: DatasetRef) -> tuple[int, ...]:
    """Return the indices of the training images that the run leaves out.

    Raises InvalidField if it was asked to leave out marked images, but there are none.
    """
    if not options["without_marked"]:
        return () if template is None else template.left_out(dataset)
    marked = mislabelled_training_images(dataset)
    if not marked:
        raise InvalidField(
            "without_marked",
            f"no training image of {printable(dataset.short_name)} is marked as mislabelled; mark images with "
            "fashion-tui mark, or omit --without-marked",
        )
    return marked


def _warn_about_unused_gpu(device: str) -> None:
    """If a background run trains on the CPU although this machine has a GPU, print the reason.

    A run in the foreground prints the reason as its first warning.
    """
    if device == "auto" and has_gpu_driver():
        problem = auto_problem(ask_engine(GetDevices(), tuple[Device, ...], "looking for a GPU"))
        if problem is not None:
            print_line(f"warning: training on the CPU: {problem}", err=True)


def _check_recipe(options: dict[str, Any], template: Template | None, *, is_custom: bool) -> None:
    """Check the recipe with the user's changes before the data set is read. Raises UsageError if they are invalid."""
    recipe = msgspec.structs.replace(_base(options, template), **_changes(options))
    check_recipe(recipe, is_custom=is_custom)
    check_validation(recipe, options["validation"])


def _recipe(options: dict[str, Any], template: Template | None, dataset: DatasetInfo) -> Recipe:
    """Return the recipe, adapted to the data set, with the user's changes."""
    base = _base(options, template)
    adapted = adapt(base, dataset) if template is None else adapt_like(template.config, base, dataset)
    return msgspec.structs.replace(adapted, **_changes(options))


def _base(options: dict[str, Any], template: Template | None) -> Recipe:
    named = options["recipe"] or user_settings().recipe
    base = recipe_named(named) if template is None else template.config.recipe
    return base if options["model"] is None else with_model(base, options["model"])


def _changes(options: dict[str, Any]) -> dict[str, Any]:
    changes = {name: options[name] for name in ("model", *fields_of(Recipe)) if options[name] is not None}
    return changes | {"flip": "none"} if options["no_flip"] else changes


def _print_detached(run: Run, pid: int, *, as_json: bool) -> None:
    summary = summarise(run)
    if as_json:
        write_json({"run": run.id, "path": str(run.path), "pid": pid, "state": summary.state})
    else:
        place = summary.queue_place
        state = "training in the background" if place is None else f"queued in the background, position {place}"
        print_line(f"{run.id}: {state} (pid {pid}); watch it with: fashion-tui attach {run.id}")
