"""The networks: that the guide's is the guide's, to the parameter."""

import pytest
import torch

from fashion_tui.lab.networks.builtin import MODELS, GuideNet, build, count_parameters, first_non_finite
from fashion_tui.schema import recipe
from fashion_tui.schema.errors import UsageError


def test_guide_net_is_the_guides() -> None:
    net = GuideNet()
    shapes = {name: tuple(parameter.shape) for name, parameter in net.named_parameters()}
    assert shapes == {
        "conv1.weight": (12, 1, 5, 5),
        "conv1.bias": (12,),
        "conv2.weight": (20, 12, 5, 5),
        "conv2.bias": (20,),
        "fc1.weight": (200, 980),
        "fc1.bias": (200,),
        "fc2.weight": (10, 200),
        "fc2.bias": (10,),
    }
    assert count_parameters(net) == 204_542
    assert net(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


def test_layout_in_memory_changes_no_answer() -> None:
    net, images = GuideNet(), torch.randn(8, 1, 28, 28)
    expected = net(images)
    last = net.to(memory_format=torch.channels_last)
    torch.testing.assert_close(last(images.to(memory_format=torch.channels_last)), expected)


def test_every_model_of_the_schema_can_be_built() -> None:
    assert tuple(MODELS) == recipe.MODELS
    for name in recipe.MODELS:
        assert build(name)(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_unknown_model_is_named_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="'gide'; there is: guide"):
        build("gide")


def test_first_non_finite_names_the_weight() -> None:
    net = GuideNet()
    assert first_non_finite(net) is None
    with torch.no_grad():
        net.fc1.bias[7] = torch.inf
    assert first_non_finite(net) == "fc1.bias"
