"""The receptive field of each row, compared with the input positions that get a gradient from one output value."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from fashion_tui.lab.trace import trace
from tests.lab.networks import FunctionNet, Guide

SAMPLES = 64
"""Number of random inputs. A max pool passes the gradient to one of its values, which differs between inputs."""


def measured(model: nn.Module, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Return, for each module, the extent of the gradient of a value in the middle of the output."""
    model = model.eval()
    for parameter in model.parameters():
        nn.init.uniform_(parameter, 0.01, 1.0)  # so that no ReLU is 0, and no gradients cancel
    fields: dict[str, tuple[int, ...]] = {}
    outputs: dict[str, Tensor] = {}
    for name, module in model.named_modules():
        if name:
            module.register_forward_hook(lambda _module, _inputs, output, name=name: outputs.update({name: output * 1}))
    x = torch.rand(SAMPLES, *shape, generator=torch.Generator().manual_seed(0), requires_grad=True)
    model(x)
    for name, output in outputs.items():
        sizes = []
        for offset in (0, 1):  # strides of transposed convolutions make neighbours differ
            middle = [(size - 1 - offset) // 2 for size in output.shape[2:]]
            value = output.movedim((0, 1), (-2, -1))[tuple(middle)].sum()
            (gradient,) = torch.autograd.grad(value, x, retain_graph=True)
            reached = gradient.abs().sum((0, 1)).nonzero()
            sizes.append(tuple((reached.max(0).values - reached.min(0).values + 1).tolist()))
        fields[name] = max(sizes)
    return fields


def conv(inputs: int, outputs: int, size: int, **settings: int) -> nn.Module:
    return nn.Conv2d(inputs, outputs, size, **settings)  # type: ignore[arg-type]


class Skip(nn.Module):
    """Adds two branches with different kernels and paddings."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = conv(2, 2, 5, padding=2)
        self.narrow = conv(2, 2, 3, padding=2, dilation=2)
        self.after = conv(4, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.wide(x) + self.narrow(x).relu()
        result: Tensor = self.after(torch.cat([x, self.narrow(x)], 1))
        return result


class SmallUNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(conv(1, 2, 3, padding=1), nn.ReLU())
        self.middle = nn.Sequential(nn.AvgPool2d(2), conv(2, 2, 3, padding=1))
        self.up = nn.ConvTranspose2d(2, 2, 2, stride=2)
        self.head = conv(4, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.down(x)
        result: Tensor = self.head(torch.cat([fine, self.up(self.middle(fine))], 1))
        return result


class Squeezed(nn.Module):
    """Scales the channels by weights that depend on the whole image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = conv(1, 4, 3)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.weight = nn.Sequential(conv(4, 4, 1), nn.Sigmoid())
        self.after = conv(4, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        result: Tensor = self.after(x * self.weight(self.pool(x)))
        return result


CASES: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "strides": (nn.Sequential(conv(1, 4, 7, stride=2, padding=3), nn.MaxPool2d(2), conv(4, 4, 3)), (1, 33, 41)),
    "dilation": (nn.Sequential(conv(1, 2, 3, dilation=3), nn.BatchNorm2d(2), conv(2, 2, 2, stride=3)), (1, 32, 32)),
    "rectangle": (nn.Sequential(nn.Conv2d(1, 2, (1, 5)), nn.AvgPool2d((3, 2)), nn.Conv2d(2, 2, (2, 1))), (1, 24, 24)),
    "transposed": (nn.Sequential(conv(1, 2, 3), nn.ConvTranspose2d(2, 2, 3, stride=2), conv(2, 1, 2)), (1, 17, 17)),
    "upsampled": (nn.Sequential(conv(1, 2, 3), nn.Upsample(scale_factor=2), conv(2, 2, 3), conv(2, 2, 3)), (1, 16, 16)),
    "skip": (Skip(), (2, 24, 24)),
    "unet": (SmallUNet(), (1, 32, 32)),
    "squeezed": (Squeezed(), (1, 12, 12)),
    "signal": (nn.Sequential(nn.Conv1d(2, 4, 5, stride=2), nn.GELU(), nn.MaxPool1d(3), nn.Conv1d(4, 4, 3)), (2, 80)),
    "volume": (nn.Sequential(nn.Conv3d(1, 2, 3), nn.AvgPool3d(2)), (1, 10, 10, 10)),
    "normalised": (nn.Sequential(conv(1, 4, 3), nn.GroupNorm(2, 4), conv(4, 2, 3)), (1, 14, 14)),
}  # fmt: skip


@pytest.mark.parametrize("name", [*CASES])
def test_receptive_fields_are_where_the_gradient_arrives(name: str) -> None:
    model, shape = CASES[name]
    table = trace(model, shape)
    fields = {row.path: row.receptive_field for row in table.rows if row.is_module}
    expected = measured(model, shape)
    assert len(expected) > 1
    for path, field in expected.items():
        found = fields[path]
        assert found == field, path


def test_known_receptive_fields() -> None:
    with torch.device("meta"):
        model = nn.Sequential(torchvision.models.resnet18(), torchvision.models.vgg16().features)
    resnet, vgg = model
    fields = {row.path: row.receptive_field for row in trace(resnet, (3, 448, 448)).rows}
    assert fields["maxpool"] == (11, 11)
    assert fields["layer4"] == (435, 435), "table 1 of Araujo, Norris and Sim, Distill, 2019"
    assert trace(vgg, (3, 224, 224)).rows[-1].receptive_field == (212, 212)


def test_the_guides_network_sees_the_whole_image_from_its_first_linear_layer_on() -> None:
    fields = [row.receptive_field for row in trace(Guide(), (1, 28, 28)).rows]
    assert fields[:7] == [(5, 5), (5, 5), (6, 6), (14, 14), (14, 14), (16, 16), (16, 16)]
    assert fields[7:] == [(28, 28)] * 3


class Transformed(nn.Module):
    """Pads, rearranges and selects positions, and adds a class token and attention."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 4, 4)
        self.token, self.positions = nn.Parameter(torch.rand(1, 1, 8)), nn.Parameter(torch.rand(1, 26, 8))
        self.queries = nn.Linear(8, 24)
        self.channels_last = nn.LayerNorm(8)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.conv(F.pad(x, (1, 2, 1, 2), mode="reflect"))  # 4×4 positions
        x = F.pad(self.channels_last(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).roll(1, 2), (0, 1, 0, 1))
        x = torch.cat([self.token.expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], 1) + self.positions
        query, key, value = self.queries(x).chunk(3, -1)
        scores = query @ key.mT
        return x[:, 1:], query[:, 0], scores, scores.softmax(-1) @ value


def gradient_extent(value: Tensor, x: Tensor) -> tuple[int, ...]:
    (gradient,) = torch.autograd.grad(value, x, retain_graph=True)
    reached = gradient.abs().sum((0, 1)).nonzero()
    return tuple((reached.max(0).values - reached.min(0).values + 1).tolist()) if len(reached) else (0, 0)


def test_rearranged_positions_and_attention() -> None:
    """The field of each result is the largest extent of the gradient of one of its values."""
    model = Transformed()
    rows = trace(model, (1, 14, 14)).rows
    fields = [(row.op, row.receptive_field) for row in rows]
    x = torch.rand(2, 1, 14, 14, requires_grad=True)
    selected, token, scores, attention = model(x)
    extents = [
        max(gradient_extent(value, x) for value in result[0].flatten())
        for result in (selected, token, scores, attention)
    ]
    assert extents == [(4, 4), (0, 0), (14, 14), (14, 14)]
    found = {row.path: row.receptive_field for row in rows}
    assert [field for op, field in fields if op == "[]"] == [(4, 4), None]
    assert [field for op, field in fields if op == "@"] == [(14, 14), (14, 14)]
    assert found["softmax"] == (14, 14)
    assert [field for op, field in fields if op in {"permute", "roll", "flatten", "torch.cat", "F.pad"}] == [
        (1, 1), *[(4, 4)] * 6,
    ]  # fmt: skip


def test_a_linear_layer_over_rows_and_a_mean_over_columns() -> None:
    """A linear layer on the last axis joins a row of the image; transposed, it joins a column."""
    conv, layer = nn.Conv2d(1, 4, 3), nn.Linear(6, 6)
    for forward, expected in (
        (lambda self, x: self.layer(self.conv(x)), (3, 8)),
        (lambda self, x: self.layer(self.conv(x).transpose(2, 3)), (8, 3)),
        (lambda self, x: self.conv(x).mean(2), (8, 3)),
        (lambda self, x: self.conv(x).softmax(-1), (3, 8)),
        (lambda self, x: self.conv(x).mean(1), (3, 3)),
        (lambda self, x: torch.stack([self.conv(x)[:, :, 0], self.conv(x)[:, :, 5]], 2), None),
    ):
        table = trace(FunctionNet(forward, conv=conv, layer=layer), (1, 8, 8))
        assert table.rows[-1].receptive_field == expected, table.rows[-1]


def test_all_of_a_vision_transformer_is_known() -> None:
    with torch.device("meta"):
        model = torchvision.models.VisionTransformer(32, 8, 1, 2, 16, 32)
    fields = {row.path: row.receptive_field for row in trace(model, (3, 32, 32)).rows}
    assert (fields["conv_proj"], fields["encoder.layers.encoder_layer_0.ln_1"]) == ((8, 8), (8, 8))
    assert fields["heads"] == (32, 32)
    assert [path for path, field in fields.items() if field is None] == ["expand"], "no input for the class token"


def test_unknown_receptive_fields() -> None:
    sorting = FunctionNet(lambda self, x: self.conv(x).sort(-1).values, conv=nn.Conv2d(1, 8, 4, stride=4))
    assert [row.receptive_field for row in trace(sorting, (1, 16, 16)).rows] == [(4, 4), None]
    assert {row.receptive_field for row in trace(nn.Sequential(nn.Linear(8, 8)), (8,)).rows} == {None}
    two = FunctionNet(lambda self, x, y: self.conv(x) + self.conv(y), conv=nn.Conv2d(1, 8, 3))
    assert {row.receptive_field for row in trace(two, ((1, 8, 8), (1, 8, 8))).rows} == {None}
