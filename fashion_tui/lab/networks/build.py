"""The network that is trained: one of ours, or one that a person has written and that stands for itself."""

from pathlib import Path

import torch
from torch import Tensor, nn

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import Recipe

from .builtin import build
from .custom import UNSAVED, explained, source_network

IMAGES = (2, 1, 28, 28)
"""Pictures to try a network on; several, so that their number can't be taken for another axis."""

CLASSES = 10


def network_for(recipe: Recipe, written: CustomModel | None) -> nn.Module:
    """The network to train by that recipe, its weights drawn from torch's generator, in channels-last layout.

    Executes the code of a `written` one. UserError, in one line, where that fails or gives no network for ten classes.
    """
    if written is None:
        return build(recipe.model)
    return trainable(written)[0]


def trainable(written: CustomModel) -> tuple[nn.Module, str]:
    """The network that the text defines without the help of its folder, and the name of its class.

    It has been tried: for images `[N, 1, 28, 28]` it gives scores `[N, 10]`. UserError where it doesn't.
    """
    file = UNSAVED if written.file is None else written.file
    text, wanted, arguments = written.source, written.class_name, written.arguments
    with source_network(text, wanted, arguments, file=Path(file), exact=True, alone=True) as (model, name):
        _try(model, name, file)
    if all(tensor.dim() != 5 for tensor in model.state_dict().values()):  # of volumes there are no such layouts
        model = model.to(memory_format=torch.channels_last)
    return model, name


def _try(model: nn.Module, name: str, file: str) -> None:
    """Let it look at pictures as it does when it is tested and when it is trained; its buffers stay as they were."""
    _check_scores(_scores(model.eval(), name, file), name)
    buffers = {key: buffer.clone() for key, buffer in model.named_buffers()}
    _check_scores(_scores(model.train(), name, file), name)
    with torch.no_grad():
        for key, buffer in buffers.items():
            model.get_buffer(key).copy_(buffer)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError(f"{name} has no weights that could be trained")


def _scores(model: nn.Module, name: str, file: str) -> object:
    try:
        with torch.no_grad():
            return model(torch.zeros(IMAGES))
    except (Exception, SystemExit) as error:
        raise explained(error, file, f"{name} fails on pictures of 1×28×28: ") from error


def _check_scores(scores: object, name: str) -> None:
    if isinstance(scores, Tensor) and scores.is_floating_point() and scores.shape == (IMAGES[0], CLASSES):
        return
    given = f"a {type(scores).__name__}"
    if isinstance(scores, Tensor):
        given = f"{str(scores.dtype).removeprefix('torch.')} {list(scores.shape)}"
    wanted = f"[{IMAGES[0]}, {CLASSES}]: {CLASSES} scores for each"
    raise UserError(
        f"{name} gives {given} for {IMAGES[0]} pictures of 1×28×28; to be trained here it has to give {wanted}"
    )
