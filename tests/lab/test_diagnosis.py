"""Finding the layer in which NaN or infinity first appeared."""

import copy

import msgspec
import pytest
import torch
from torch import Tensor, nn

from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.training.diagnosis import find_broken_layer, first_non_finite_layer
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.builtin_recipes import GUIDE

CPU = torch.device("cpu")


class NanNet(nn.Module):
    """A network that computes NaN in a layer without weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Flatten()
        self.middle = nn.LogSoftmax(dim=1)
        self.last = nn.Linear(784, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.middle(self.first(x) * -torch.inf)
        y: Tensor = self.last(x)
        return y


@pytest.mark.parametrize("broken", ["conv1", "conv2", "fc1", "fc2"])
def test_first_broken_layer_is_found(broken: str) -> None:
    model = GuideNet()
    with torch.no_grad():
        model.get_parameter(f"{broken}.bias")[3] = torch.nan
    assert first_non_finite_layer(model, torch.zeros(2, 1, 28, 28)) in {f"{broken} (Conv2d)", f"{broken} (Linear)"}
    assert not any(layer._forward_hooks for layer in model.modules())


def test_broken_layer_may_have_no_weights() -> None:
    assert first_non_finite_layer(NanNet(), torch.ones(2, 1, 28, 28)) == "middle (LogSoftmax)"


def test_healthy_network_has_no_broken_layer() -> None:
    assert first_non_finite_layer(GuideNet(), torch.zeros(2, 1, 28, 28)) is None


def begin() -> Training:
    """Begin a training of 5 steps per epoch."""
    images = Images(torch.arange(40 * 784).remainder(251).to(torch.uint8).view(40, 1, 28, 28), torch.arange(40) % 10)
    return Training(msgspec.structs.replace(GUIDE, batch_size=8), images, device=CPU, seed=3)


def test_steps_are_repeated_across_the_end_of_an_epoch() -> None:
    """Before step 5, Adam's momentum is made huge. The resulting weights make step 6 overflow."""
    training, states = begin(), {}
    while training.epoch < 2:
        for step in training.steps():
            if step == 4:
                for state in training.optimizers[0].state.values():
                    state["exp_avg"].mul_(1e35)
            states[step] = copy.deepcopy(training.state_dict())
        training.end_epoch()
    assert torch.isfinite(states[5]["losses"]).all()
    assert not torch.isfinite(states[6]["losses"]).any()
    for checkpoint in (4, 5):
        again = begin()
        again.load_state_dict(states[checkpoint])
        assert find_broken_layer(again, 6) == "conv2 (Conv2d)"
    again = begin()
    again.load_state_dict(states[4])
    assert find_broken_layer(again, 6, keep_going=lambda: False) is None
