"""A person's own network is tried before it is trained, and left as it was made."""

from pathlib import Path

import pytest
import torch

from fashion_tui.lab.networks.build import network_for, trainable
from fashion_tui.lab.rng import seed_everything
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import GUIDE
from tests.written import DROPOUT_NET, written


def of(body: str, made: str = "") -> CustomModel:
    """A network that gives what the expression says."""
    source = f"import torch\nfrom torch import nn\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.layer = nn.Linear(784, 10)\n        {made}\n\n    def forward(self, x):\n        return {body}\n"  # noqa: E501
    return written(source)


def test_weights_come_from_the_seed_and_trying_it_leaves_no_mark() -> None:
    states = []
    for _ in range(2):
        seed_everything(3)
        model, name = trainable(written(width=8))
        states.append(model.state_dict())
    assert name == "Net"
    assert states[0]["body.1.weight"].shape == (8, 784)
    assert torch.equal(states[0]["body.1.weight"], states[1]["body.1.weight"])
    assert states[0]["body.2.num_batches_tracked"] == 0
    assert torch.equal(states[0]["body.2.running_var"], torch.ones(8))
    assert model.training


def test_convolutions_are_channels_last_as_ours_are() -> None:
    source = "from torch import nn\nnet = nn.Sequential(nn.Conv2d(1, 4, 28), nn.Conv2d(4, 10, 1), nn.Flatten())\n"
    model = network_for(GUIDE, written(source, "net"))
    assert next(iter(model.parameters())).is_contiguous(memory_format=torch.channels_last)


def test_layers_that_learn_their_size_from_a_picture_have_it_when_they_are_trained() -> None:
    source = DROPOUT_NET.replace("nn.Linear(784, width)", "nn.LazyLinear(width)")
    assert trainable(written(source))[0].state_dict()["body.1.weight"].shape == (16, 784)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (of("self.layer(x.flatten(1))[:, :9]"), r"gives float32 \[2, 9\] for 2 pictures"),
        (of("self.layer(x.flatten(1)).mean(0)"), r"gives float32 \[10\] for 2 pictures"),
        (of("self.layer(x.flatten(1)).argmax(1)"), r"gives int64 \[2\] for 2 pictures"),
        (of("(self.layer(x.flatten(1)), x) if self.training else self.layer(x.flatten(1))"), "gives a tuple"),
        (of("self.layer(x)"), r"Net fails on pictures of 1×28×28: RuntimeError"),
        (of("exit()"), "SystemExit"),
        (of("self.layer(x.flatten(1))", "self.requires_grad_(False)"), "no weights that could be trained"),
        (of("self.missing(x)"), r"net\.py:11: Net fails .* has no attribute 'missing'"),
        (written("import blocks\n"), r"net\.py:1: ModuleNotFoundError"),
        (written("class Net:\n  pass"), "isn't derived from nn.Module"),
    ],
)
def test_what_cannot_be_trained_is_told_in_one_line(network: CustomModel, words: str, tmp_path: Path) -> None:
    (tmp_path / "blocks.py").touch()
    named = CustomModel(source=network.source, class_name="Net", file=str(tmp_path / "net.py"))
    with pytest.raises(UserError, match=words) as refused:
        network_for(GUIDE, named)
    assert "\n" not in str(refused.value)


def test_a_class_that_is_not_there_is_not_guessed() -> None:
    with pytest.raises(UsageError, match="no network called 'Nett'"):
        trainable(written(name="Nett"))
