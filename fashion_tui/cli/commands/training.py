"""`fashion-tui train`."""

from pathlib import Path
from typing import Any

import click
import msgspec

from fashion_tui.cli.ask import ask_engine
from fashion_tui.cli.data import ready_data
from fashion_tui.cli.follow import train_to_end
from fashion_tui.cli.network import read_arguments, read_network, tried
from fashion_tui.cli.output import json_option, note_synthetic, note_threads, write_json
from fashion_tui.cli.place import Place, place_options
from fashion_tui.cli.status import DONE
from fashion_tui.data.files import train_size
from fashion_tui.runs.host import means_cpu
from fashion_tui.runs.launch import launch
from fashion_tui.runs.store import load_status, new_run
from fashion_tui.schema.recipe import MODELS, PRECISIONS, RECIPES, Recipe, check_batch_size, check_recipe, recipe_named
from fashion_tui.schema.replies import Device
from fashion_tui.schema.requests import FindDevice
from fashion_tui.schema.run import check_run_values
from fashion_tui.threads import available_threads

DEFAULT_CHECKPOINT_PERIOD = 30.0
"""Seconds."""


@click.command(
    "train",
    epilog="""\b
Examples:
  fashion-tui train                                   the guide's recipe, 3 epochs
  fashion-tui train --recipe quick                    an answer within seconds; strong takes minutes, best half an hour
  fashion-tui train --epochs 1 --batch-size 64 --lr 3e-4
  fashion-tui train --dataset synthetic --seed 7      no download, no files
  fashion-tui train --model net.py:Net --args '{"width": 32}'
  fashion-tui train --detach                          returns at once; see: fashion-tui attach latest
  fashion-tui train --json | jq -c 'select(.event == "epoch")'
\b
Ctrl-C writes a checkpoint and ends the run; `fashion-tui resume latest` goes on.
A closed terminal ends nothing: the run trains in a process of its own.""",
)
@click.option(
    "--recipe", default="guide", metavar="NAME", show_default=True, help=f"How to train: {', '.join(RECIPES)}."
)
@click.option(
    "--model", metavar="M", help=f"The network, where not the recipe's: {', '.join(MODELS)}, or file.py:Class."
)
@click.option("--args", "arguments", default="{}", metavar="JSON", help="Keyword arguments of a class of your own.")
@click.option("--epochs", type=int, metavar="N", help="Times through the training set.")
@click.option("--batch-size", type=int, metavar="N", help="Images in a step.")
@click.option("--lr", "learning_rate", type=float, metavar="X", help="Learning rate.")
@click.option("--precision", metavar="NAME", help=f"{' or '.join(PRECISIONS)}.")
@click.option("--seed", type=int, default=0, metavar="N", show_default=True, help="Decides weights and shuffles.")
@click.option("--device", default="auto", metavar="NAME", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--threads", type=int, metavar="N", help="CPU threads.  [default: as many as there are cores]")
@click.option("--deterministic", is_flag=True, help="On a GPU: the same bits each time, at some cost.")
@click.option("--compile", "compiled", is_flag=True, help="By torch.compile, which takes a minute at the start.")
@click.option(
    "--validation",
    type=int,
    default=0,
    metavar="N",
    show_default=True,
    help="Hold out so many training images, to choose the best epoch by.",
)
@click.option(
    "--checkpoint-every",
    type=float,
    default=DEFAULT_CHECKPOINT_PERIOD,
    metavar="SECONDS",
    show_default=True,
    help="Time between checkpoints.",
)
@click.option("--name", metavar="NAME", help="Part of the run's id.  [default: the recipe's name, or your class's]")
@click.option("--detach", is_flag=True, help="Return at once; the run goes on by itself.")
@json_option
@place_options
def train_command(*, place: Place, as_json: bool, detach: bool, **options: Any) -> int:
    """Train a network: a new run, with a progress bar.

    Without the data set it is downloaded first. The source of a network of your own is stored with the run, without
    the rest of its folder: it has to stand for itself.
    """
    path = _make_run(place, options)
    if not detach:
        return train_to_end(path, as_json=as_json)
    _tell_detached(path, launch(path), as_json=as_json)
    return DONE


def _make_run(place: Place, options: dict[str, Any]) -> Path:
    """Everything that can be wrong is found before the run's directory is made."""
    network = read_network(options["model"], read_arguments(options["arguments"]))
    device = _device(options["device"])
    recipe = _recipe(options, device, written=network is not None)
    values = {
        "seed": options["seed"],
        "threads": options["threads"] if options["threads"] is not None else available_threads(),
        "validation": options["validation"],
        "checkpoint_every": options["checkpoint_every"],
    }
    check_run_values(**values)
    if network is not None:
        network = tried(network)
        recipe = msgspec.structs.replace(recipe, model=network.class_name)
    dataset = ready_data(place)
    check_batch_size(recipe, train_size(dataset) - options["validation"])
    path = new_run(
        place.runs_directory,
        recipe=recipe,
        dataset=dataset,
        device=options["device"],
        deterministic=options["deterministic"],
        compiled=options["compiled"],
        name=options["name"],
        network=network,
        **values,
    )
    note_synthetic(dataset)
    note_threads(values["threads"])
    return path


def _device(name: str) -> str:
    """The device that the word means, which decides how large a recipe is; an error where this machine hasn't it."""
    if means_cpu(name):
        return "cpu"
    return ask_engine(FindDevice(name=name), Device, "looking for the device").name


def _recipe(options: dict[str, Any], device: str, *, written: bool) -> Recipe:
    """The recipe on the device, with what the person chose otherwise; UsageError where that can't work."""
    changes = {
        name: options[name]
        for name in ("model", "epochs", "batch_size", "learning_rate", "precision")
        if options[name] is not None
    }
    recipe = msgspec.structs.replace(recipe_named(options["recipe"], device), **changes)
    check_recipe(recipe, written=written)
    return recipe


def _tell_detached(path: Path, pid: int, *, as_json: bool) -> None:
    if as_json:
        write_json({"run": path.name, "path": str(path), "pid": pid, "state": load_status(path).state})
    else:
        click.echo(f"{path.name} trains by itself (pid {pid}); watch it: fashion-tui attach {path.name}")
