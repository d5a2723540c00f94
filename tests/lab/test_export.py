"""Exported weights can be read by other programs, are reproducible, and are checked when they are loaded."""

from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch

from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.networks.export import contiguous_weights, export_safetensors, load_into, load_weights
from fashion_tui.schema.dataset import FASHION_TASK
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.recipe import GUIDE

PIXELS = torch.randint(0, 256, (50, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_file_contains_only_the_weights(tmp_path: Path) -> None:
    net = GuideNet().to(memory_format=torch.channels_last)
    assert export_safetensors(net, GUIDE, FASHION_TASK, PIXELS, tmp_path / "net.safetensors") == 0
    with safetensors.safe_open(tmp_path / "net.safetensors", framework="pt") as file:
        assert file.metadata() is None
        assert set(file.keys()) == set(net.state_dict())
        for name, tensor in net.state_dict().items():
            assert torch.equal(file.get_tensor(name), tensor)
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]


def test_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    """Neither the memory layout nor the order of the modules changes the file."""
    net = GuideNet()
    copy = GuideNet()
    copy.load_state_dict(net.state_dict())
    copy.to(memory_format=torch.channels_last)
    copy._modules["conv1"] = copy._modules.pop("conv1")  # conv1 is the last module now
    for name, network in (("a", net), ("b", copy)):
        export_safetensors(network, GUIDE, FASHION_TASK, PIXELS, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_tied_weights_are_written_once_and_read_back(tmp_path: Path) -> None:
    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Linear(10, 10)
            self.second = torch.nn.Linear(10, 10)
            self.second.weight = self.first.weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.second(self.first(x))
            return y

    weights = contiguous_weights(Tied())
    assert set(weights) == {"first.weight", "first.bias", "second.bias"}
    copy = Tied()
    load_into(copy, weights)
    assert copy.second.weight is copy.first.weight
    assert torch.equal(copy.second.weight, weights["first.weight"])


def test_tensors_that_share_memory_are_written_separately(tmp_path: Path) -> None:
    class Sharing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encode = torch.nn.Linear(10, 784, bias=False)
            self.decode = torch.nn.Linear(784, 10, bias=False)
            self.decode.weight = torch.nn.Parameter(self.encode.weight.t())
            self.register_buffer("table", torch.arange(10.0))
            self.register_buffer("part", self.get_buffer("table")[2:4])
            self.register_buffer("row", self.get_buffer("table")[None])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.decode(x.flatten(1)) + self.get_buffer("row")
            return y

    net = Sharing()
    weights = contiguous_weights(net)
    assert set(weights) == set(net.state_dict())
    (tmp_path / "net").write_bytes(safetensors.torch.save(weights))
    copy = Sharing()
    load_into(copy, load_weights(tmp_path / "net"))
    for name, tensor in net.state_dict().items():
        assert torch.equal(copy.state_dict()[name], tensor)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    weights = GuideNet().state_dict()
    del weights["fc2.bias"]
    with pytest.raises(UserError, match="don't fit GuideNet"):
        load_into(GuideNet(), weights)


def test_failed_export_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"can't write .*: the folder .*missing doesn't exist$"):
        export_safetensors(GuideNet(), GUIDE, FASHION_TASK, PIXELS, tmp_path / "missing" / "net.safetensors")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="folder: it isn't a regular file"):
        export_safetensors(GuideNet(), GUIDE, FASHION_TASK, PIXELS, tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "net.safetensors").symlink_to(tmp_path / "precious")
    export_safetensors(GuideNet(), GUIDE, FASHION_TASK, PIXELS, tmp_path / "net.safetensors")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not (tmp_path / "net.safetensors").is_symlink()


def test_damaged_file_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    export_safetensors(GuideNet(), GUIDE, FASHION_TASK, PIXELS, file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match="not a valid safetensors file") as caught:
        load_weights(file)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="can't read"):
        load_weights(tmp_path / "missing")
