"""The costs of training a network that is fine-tuned, against torchvision's network and FlopCounterMode."""

import msgspec
import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode

from fashion_tui.engine.server.cache import Cache
from fashion_tui.engine.server.networks import get_shapes, get_training_costs
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.dataset import ImageTask
from fashion_tui.schema.models import NamedModel
from fashion_tui.schema.recipe import with_model
from fashion_tui.schema.requests import GetShapes, GetTrainingCosts

from .in_process import UninterruptedCall

NAME = "shufflenet_v2_x0_5"
FEATURES = 1024
"""Number of inputs of the network's last layer."""
TASK = ImageTask(image_shape=(1, 28, 28), classes=7)
SIZE = 32


def test_costs_are_those_of_the_network_that_is_trained() -> None:
    tuned = with_model(GUIDE, f"torchvision:{NAME}")
    recipe = msgspec.structs.replace(tuned, freeze="conv*,stage*", input_size=SIZE)
    request = GetTrainingCosts(network=NamedModel(model=recipe.model), task=TASK, recipe=recipe)
    costs = get_training_costs(request, UninterruptedCall(), Cache())
    shapes = GetShapes(model=recipe.model, task=TASK, recipe=recipe)
    table = get_shapes(shapes, UninterruptedCall(), Cache())

    plain = torchvision.models.get_model(NAME, num_classes=TASK.classes).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        plain(torch.zeros(1, 3, SIZE, SIZE))
    assert 2 * table.total_macs == counter.get_total_flops()
    normalisation = 2 * 3 * 4  # mean and standard deviation of each channel
    stored = sum(tensor.numel() * tensor.element_size() for tensor in plain.state_dict().values())
    assert costs.memory.parameters == stored + normalisation
    assert costs.memory.gradients == 4 * TASK.classes * (FEATURES + 1)
    assert costs.memory.sample_activations == 4 * FEATURES, "autograd needs only the inputs of the last layer"
    assert [step.batch for step in costs.steps[:2]] == [2, 4]
