"""Random networks from a grammar of layers and functions, made from a seed.

A network is a list of steps. Each step applies a layer or a function to the results of earlier steps. The shapes are
those that PyTorch itself computes while the network is generated. Every tenth network ends in a step that fails.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from .unusual import (
    Counted,
    WithHook,
    WithLambda,
    both,
    by_sign,
    folded,
    in_place,
    repeat_until_large,
    step_by_step,
    with_other_weights,
)

BATCH = 3
"""Batch size of the tensors on which the shapes are tried out."""


@dataclass(frozen=True)
class Step:
    run: Callable[..., Any]
    """Called with the layer, or None, and the inputs."""
    inputs: tuple[int, ...]
    """Indices of the earlier results, 0 is the input of the network."""
    layer: str = ""
    """Name of the layer; empty for a function."""


class Two(NamedTuple):
    first: Any
    second: Any


class Generated(nn.Module):
    def __init__(self, steps: Sequence[Step], layers: dict[str, Any], form: str) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.steps, self.form = [*steps], form

    def forward(self, x: Tensor) -> Any:
        results: list[Any] = [x]
        for step in self.steps:
            inputs = [results[index] for index in step.inputs]
            results.append(step.run(getattr(self, step.layer) if step.layer else None, *inputs))
        if self.form == "tuple":
            return results[-1], results[len(results) // 2]
        if self.form == "dict":
            return {"scores": results[-1], "extra": [results[1]]}
        return Two(results[-1], results[1]) if self.form == "named tuple" else results[-1]


@dataclass
class Drawn:
    """A network drawn from the grammar."""

    model: Generated
    shape: tuple[int, ...]
    dtype: torch.dtype

    def inputs(self, batch: int, device: str) -> Tensor:
        if self.dtype == torch.int64:
            return torch.zeros(batch, *self.shape, dtype=torch.int64, device=device)
        return torch.rand(batch, *self.shape, device=device)


Choice = tuple[Any, Callable[..., Any]]
"""A layer or parameter, or None, and the function that applies it."""


def _call(layer: Any, *inputs: Tensor) -> Any:
    return layer(*inputs)


def _fitting_layers(layers: dict[str, Any], x: Tensor) -> list[str]:
    """Return the names of the linear layers that `x` can pass once more."""
    return [
        name for name, layer in layers.items()
        if isinstance(layer, nn.Linear) and x.is_floating_point() and layer.in_features == x.shape[-1]
    ]  # fmt: skip


class _Grammar:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def draw(self, depth: int, sample: Tensor, length: int) -> tuple[list[Step], dict[str, Any]]:
        """Return steps, and the layers that they use, for a network whose input has the shape of `sample`."""
        steps: list[Step] = []
        layers: dict[str, Any] = {}
        results = [sample]
        while len(steps) < length:
            step, layer = self._draw_step(depth, results, f"layer{len(steps)}", layers)
            with torch.no_grad():
                result = step.run(layer, *[results[index] for index in step.inputs])
            if not isinstance(result, Tensor) or result.numel() > 20_000 or result.numel() == 0:
                continue
            if step.layer:
                layers[step.layer] = layer
            steps.append(step)
            results.append(result)
        return steps, layers

    def _draw_step(self, depth: int, results: list[Tensor], name: str, layers: dict[str, Any]) -> tuple[Step, Any]:
        last = len(results) - 1
        x = results[-1]
        like = [index for index, other in enumerate(results[:-1]) if other.shape == x.shape and other.dtype == x.dtype]
        if like and self.random.random() < 0.25:
            joins: list[Callable[..., Any]] = [torch.add, torch.mul, torch.maximum, lambda a, b: torch.cat([a, b], 1)]
            join = self.random.choice(joins)
            return Step(lambda _, a, b: join(a, b), (last, self.random.choice(like))), None
        fitting = _fitting_layers(layers, x)
        if fitting and self.random.random() < 0.1:
            chosen = self.random.choice(fitting)
            return Step(_call, (last,), chosen), layers[chosen]
        if depth and x.is_floating_point() and self.random.random() < 0.2:
            inner, inner_layers = self.draw(depth - 1, x, self.random.randint(1, 3))
            return Step(_call, (last,), name), Generated(inner, inner_layers, "")
        layer, run = self._choose(x)
        return Step(run, (last,), name if layer is not None else ""), layer

    def _choose(self, x: Tensor) -> Choice:
        if not x.is_floating_point():
            return self._of_tokens(x)
        general: list[Callable[[Tensor], Choice]] = [self._activation, self._last_axis, self._structure]
        by_rank = {2: self._of_vector, 3: self._of_sequence, 4: self._of_image}
        return self.random.choice([*general, *[by_rank.get(x.dim(), self._flatten)] * 3])(x)

    def _of_tokens(self, x: Tensor) -> Choice:
        if x.dim() == 2 and self.random.random() < 0.7:
            return nn.Embedding(50, self.random.choice([4, 8])), _call
        return None, lambda _, tokens: F.one_hot(tokens % 6, 6).float()

    def _flatten(self, _: Tensor) -> Choice:
        return None, lambda _, x: x.flatten(1)

    def _activation(self, _: Tensor) -> Choice:
        return self.random.choice(
            [
                (nn.ReLU(), _call), (nn.GELU(), _call), (nn.Dropout(0.2), _call), (nn.Identity(), _call),
                (None, lambda _, x: F.relu(x)), (None, lambda _, x: torch.tanh(x)),
                (None, lambda _, x: x * x.sigmoid()),
                (None, lambda _, x: x * 2 - 1), (None, lambda _, x: F.softmax(x, dim=-1)),
                (None, lambda _, x: x.clamp(min=0).sqrt()), (None, lambda _, x: F.dropout(x, 0.1)),
                (None, lambda _, x: torch.where(x > 0, x, -x)), (None, lambda _, x: x - x.mean(-1, keepdim=True)),
                (None, lambda _, x: x.cumsum(-1)), (None, lambda _, x: x.masked_fill(x < 0, 0.0)),
                (None, lambda _, x: F.normalize(x, dim=-1)), (None, lambda _, x: x.contiguous()),
            ]
        )  # fmt: skip

    def _last_axis(self, x: Tensor) -> Choice:
        size, out = x.shape[-1], self.random.choice([3, 4, 6, 8])
        choices: list[Choice] = [
            (nn.Linear(size, out), _call), (nn.Linear(size, out, bias=False), _call), (nn.LayerNorm(size), _call),
            (nn.Parameter(torch.rand(size, out)), lambda weight, x: x @ weight),
            (nn.Parameter(torch.rand(out, size)), lambda weight, x: F.linear(x, weight)),
            (nn.Parameter(torch.rand(size)), lambda gain, x: x * gain),
            (None, lambda _, x: torch.cat([x, x.flip(-1)], -1)),
            (None, lambda _, x: x[..., : max(1, x.shape[-1] // 2)]),
        ]  # fmt: skip
        return self.random.choice(choices)

    def _structure(self, x: Tensor) -> Choice:
        """Choose code of an unusual structure: it depends on values, changes tensors in place, or rebuilds weights."""
        size = x.shape[-1]
        layer = nn.Linear(size, size)
        choices: list[Choice] = [
            (layer, repeat_until_large), (layer, by_sign), (layer, in_place), (layer, folded),
            (layer, with_other_weights),
            (layer, lambda fc, x: torch.utils.checkpoint.checkpoint(fc, x, use_reentrant=False)),
            (layer, lambda fc, x: torch.vmap(fc)(x)), (Counted(layer), _call), (WithLambda(layer), _call),
            (parametrizations.weight_norm(layer), _call), (nn.ModuleDict({"a": layer, "b": nn.Tanh()}), both),
            (nn.ModuleList([layer, layer]), lambda layers, x: layers[1](layers[0](x))), (WithHook(size), _call),
            (nn.LSTMCell(size, 4), step_by_step), (None, lambda _, x: torch.cat(x.chunk(2, dim=-1)[::-1], -1)),
            (None, lambda _, x: sum(x.unbind(-1)).unsqueeze(-1) * x), (None, lambda _, x: x.detach().clone().add_(x)),
            (None, lambda _, x: torch.view_as_real(torch.complex(x, -x)).flatten(-2)),
            (None, lambda _, x: x.to(torch.float64).mul(2).float()),
            (None, lambda _, x: torch.distributions.Normal(x, torch.ones_like(x)).mean),
        ]  # fmt: skip
        return self.random.choice(choices)

    def _of_vector(self, x: Tensor) -> Choice:
        size, out = x.shape[1], self.random.choice([4, 6, 8])
        choices: list[Choice] = [
            (nn.BatchNorm1d(size), _call),
            (nn.Sequential(nn.Linear(size, out), nn.ReLU(), nn.Linear(out, size)), _call),
            (None, lambda _, x: x.unsqueeze(1)), (None, lambda _, x: torch.einsum("bi,bj->bij", x, x)),
            (None, lambda _, x: x / (1 + x.norm(dim=1, keepdim=True))), (None, lambda _, x: x.sort(1).values),
            (None, lambda _, x: x.topk(max(1, x.shape[1] // 2), dim=1).values),
            (None, lambda _, x: x.view(x.size(0), -1, 2) if x.shape[1] % 2 == 0 else x.view(x.size(0), 1, -1)),
        ]  # fmt: skip
        if size % 2 == 0:
            choices.append((None, lambda _, x: F.glu(x, dim=1)))
        if self.random.random() < 0.2:
            choices = [(nn.Bilinear(size, size, out), lambda form, x: form(x, x))]
        return self.random.choice(choices)

    def _of_sequence(self, x: Tensor) -> Choice:
        length, size = x.shape[1:]
        hidden = self.random.choice([4, 6])
        choices: list[Choice] = [
            (self.random.choice([nn.LSTM, nn.GRU, nn.RNN])(
                size, hidden, self.random.choice([1, 2]), batch_first=True, bidirectional=self.random.random() < 0.3
            ), lambda rnn, x: rnn(x)[0]),
            (nn.GRU(size, hidden, batch_first=True), lambda rnn, x: rnn(x)[1][-1]),
            (nn.Conv1d(size, hidden, 1), lambda conv, x: conv(x.transpose(1, 2)).transpose(1, 2)),
            (nn.Conv1d(length, hidden, min(3, size), padding=1), _call), (nn.BatchNorm1d(length), _call),
            (nn.AdaptiveAvgPool1d(2), _call),
            (nn.Parameter(torch.rand(1, length, size)), lambda positions, x: x + positions),
            (nn.Parameter(torch.rand(1, 1, size)), lambda token, x: torch.cat([token.expand(len(x), -1, -1), x], 1)),
            (None, lambda _, x: F.scaled_dot_product_attention(x, x, x)),
            (None, lambda _, x: torch.einsum("btd,bsd->bts", x, x)), (None, lambda _, x: torch.bmm(x, x.mT)),
            (None, lambda _, x: x.mean(1)), (None, lambda _, x: x[:, -1]), (None, lambda _, x: x.transpose(1, 2)),
            (None, lambda _, x: x.max(dim=1).values), (None, lambda _, x: x.flatten(1)),
            (None, lambda _, x: torch.stack([x[:, index] for index in range(x.shape[1])], 1)),
        ]  # fmt: skip
        if size % 2 == 0:
            choices += [
                (nn.MultiheadAttention(size, 2, batch_first=True), lambda attend, x: attend(x, x, x)[0]),
                (nn.TransformerEncoderLayer(size, 2, 8, batch_first=True), _call),
                (nn.TransformerEncoder(nn.TransformerEncoderLayer(size, 2, 8, batch_first=True), 2), _call),
            ]
        return self.random.choice(choices)

    def _of_image(self, x: Tensor) -> Choice:
        channels, *sides = x.shape[1:]
        out = 2 * self.random.choice([1, 2, 3])
        kernel = self.random.choice([1, 3])
        choices: list[Choice] = [
            (nn.Conv2d(channels, out, kernel, padding=kernel // 2, stride=self.random.choice([1, 2])), _call),
            (nn.Conv2d(channels, 2 * channels, kernel, padding=kernel, dilation=2, groups=channels), _call),
            (nn.Conv2d(channels, out, 3, padding="same", padding_mode="circular"), _call),
            (nn.ConvTranspose2d(channels, out, 2, stride=2, bias=False), _call), (nn.BatchNorm2d(channels), _call),
            (nn.ConvTranspose2d(channels, 2 * channels, 3, padding=1, groups=channels), _call),
            (nn.GroupNorm(1, channels), _call), (nn.InstanceNorm2d(channels), _call),
            (nn.Upsample(scale_factor=2), _call),
            (nn.AdaptiveAvgPool2d(1), _call), (nn.Dropout2d(0.1), _call), (nn.PReLU(), _call), (nn.Flatten(), _call),
            (nn.Sequential(nn.Conv2d(channels, out, 1), nn.BatchNorm2d(out), nn.ReLU(inplace=True)), _call),
            (nn.Parameter(torch.rand(out, channels, 1, 1)), lambda weight, x: F.conv2d(x, weight)),
            (nn.Linear(channels, channels), lambda gate, x: x * gate(x.mean((2, 3)))[:, :, None, None].sigmoid()),
            (None, lambda _, x: F.interpolate(x, scale_factor=2)), (None, lambda _, x: F.pad(x, (1, 1, 0, 0))),
            (None, lambda _, x: x.mean((2, 3))), (None, lambda _, x: x.flatten(2).transpose(1, 2)),
            (None, lambda _, x: x.permute(0, 2, 3, 1)), (None, lambda _, x: torch.cat([x, x.roll(1, 3)], dim=1)),
            (None, lambda _, x: F.adaptive_avg_pool2d(x, 1).flatten(1)),
        ]  # fmt: skip
        if min(sides) >= 2:
            choices += [(nn.MaxPool2d(2), _call), (nn.AvgPool2d(2, stride=1), _call),
                        (None, lambda _, x: F.max_pool2d(x, 2, ceil_mode=True))]  # fmt: skip
        if channels % 4 == 0:
            choices.append((nn.PixelShuffle(2), _call))
        return self.random.choice(choices)

    def wrong_step(self, x: Tensor, last: int) -> tuple[Step, Any]:
        """Return a step that fails on `x`, whatever its shape."""
        size = x.shape[-1]
        layer, run = self.random.choice(
            [
                (nn.Linear(size + 1, 3), _call), (nn.LayerNorm(size + 2), _call),
                (nn.Parameter(torch.rand(size + 1, 3)), lambda weight, x: x @ weight),
                (nn.Parameter(torch.rand(1009)), lambda bias, x: x.flatten(1)[:, :1].expand(-1, 2) + bias),
                (None, lambda _, x: x.reshape(x.size(0), 1009)), (None, lambda _, x: torch.cat([x, x.unsqueeze(0)], 1)),
                (nn.Conv2d(1009, 4, 1), lambda conv, x: conv(x.flatten(1)[:, :, None, None])),
            ]
        )  # fmt: skip
        return Step(run, (last,), "wrong" if layer is not None else ""), layer


def draw_network(seed: int) -> Drawn:
    """Return the network of this seed. Its weights also depend only on the seed."""
    torch.manual_seed(seed)
    grammar = _Grammar(seed)
    shapes = [(3, 8, 8), (1, 12, 10), (2, 6, 6), (5, 8), (7, 6), (12,), (9,)]
    is_tokens = grammar.random.random() < 0.15
    shape = (6,) if is_tokens else grammar.random.choice(shapes)
    drawn = Drawn(Generated([], {}, ""), shape, torch.int64 if is_tokens else torch.float32)
    steps, layers = grammar.draw(2, drawn.inputs(BATCH, "cpu"), grammar.random.randint(2, 9))
    if seed % 10 == 9:
        with torch.no_grad():
            result = Generated(steps, layers, "")(drawn.inputs(BATCH, "cpu"))
        step, layer = grammar.wrong_step(result.float(), len(steps))
        steps.append(Step(lambda layer, x: step.run(layer, x.float()), step.inputs, step.layer))
        layers |= {step.layer: layer} if step.layer else {}
    form = grammar.random.choice(["", "", "", "tuple", "dict", "named tuple"])
    drawn.model = Generated(steps, layers, form).train(grammar.random.random() < 0.3)
    return drawn
