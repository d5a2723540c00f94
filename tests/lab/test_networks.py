"""The built-in networks: layers, parameters, and source that can be edited."""

import pytest
import torch

from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.networks.build import open_model
from fashion_tui.lab.networks.builtin import BUILTINS, build, count_parameters, first_non_finite, source_of
from fashion_tui.lab.trace import trace
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.models import MODELS


def test_guide_net_has_the_layers_of_the_guide() -> None:
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
    assert net(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


def test_memory_layout_does_not_change_logits() -> None:
    net, images = GuideNet(), torch.randn(8, 1, 28, 28)
    expected = net(images)
    channels_last = net.to(memory_format=torch.channels_last)
    torch.testing.assert_close(channels_last(images.to(memory_format=torch.channels_last)), expected)


def test_schema_lists_the_built_in_networks() -> None:
    assert tuple(BUILTINS) == MODELS


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("guide", 204_542), ("quick", 41_328), ("strong", 292_656), ("wide", 1_165_920), ("wider", 4_654_272)],
)
def test_docstrings_state_the_number_of_parameters(name: str, parameters: int) -> None:
    model = build(name)
    assert count_parameters(model) == parameters
    assert f"{parameters:,}" in (type(model).__doc__ or "")
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


@pytest.mark.parametrize("name", MODELS)
def test_source_defines_the_same_network(name: str) -> None:
    custom = source_of(name)
    torch.manual_seed(3)
    original = build(name)
    torch.manual_seed(3)
    with open_model(custom) as (model, class_name):
        assert class_name == custom.class_name
        assert type(model) is not type(original)
        images = torch.rand(4, 1, 28, 28)
        torch.testing.assert_close(model.eval()(images), original.eval()(images))
        original.to(memory_format=torch.contiguous_format)
        assert trace(model, (1, 28, 28)).rows == trace(original, (1, 28, 28)).rows


@pytest.mark.parametrize("name", MODELS)
def test_source_is_self_contained(name: str) -> None:
    custom = source_of(name)
    assert f"class {custom.class_name}(" in custom.source
    assert "fashion_tui" not in custom.source
    assert "import ." not in custom.source


@pytest.mark.parametrize("function", [build, source_of])
def test_unknown_name(function: object) -> None:
    assert callable(function)
    with pytest.raises(UsageError, match=r"'gide'; choose from guide, quick"):
        function("gide")


def test_first_non_finite_names_the_weight() -> None:
    net = GuideNet()
    assert first_non_finite(net) is None
    with torch.no_grad():
        net.fc1.bias[7] = torch.inf
    assert first_non_finite(net) == "fc1.bias"
