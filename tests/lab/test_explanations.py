"""Beginner's errors: the explanation names both numbers, and the fix makes the network run."""

import textwrap
from dataclasses import dataclass

import pytest
from torch import nn

from fashion_tui.lab.networks.build import open_model
from fashion_tui.lab.networks.repair import repair_of
from fashion_tui.lab.trace import Repair, trace
from fashion_tui.schema.inputs import InputSpec
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.shapes import ShapeTable, apply_fix

IMPORTS = "import numpy as np\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\n"
BLOCK = """\
class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.conv = nn.Conv2d(i, o, 3, padding=1)

    def forward(self, x):
        return F.relu(self.conv(x))


"""
SILENT = """\
class Silent(nn.Module):
    def forward(self, x):
        x = x * 2


"""


@dataclass(frozen=True)
class Case:
    """A network with an error."""

    name: str
    size: tuple[int, ...]
    init: str
    """Body of `__init__`, or the whole source if there is no `forward`."""
    forward: str
    words: tuple[str, ...]
    """Key words and numbers of the explanation."""
    line: str
    """Part of the line that the explanation refers to."""
    fix: str | None
    """Part of the line with the fix, or None if no single edit makes the network run."""
    before: str = ""
    """Classes before the network's."""

    @property
    def source(self) -> str:
        if not self.forward:
            return IMPORTS + self.init
        init, forward = (textwrap.indent(code, " " * 8) for code in (self.init, self.forward))
        return (
            f"{IMPORTS}{self.before}class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
            f"{init}\n\n    def forward(self, x):\n{forward}\n"
        )


CASES = [
    # Sizes of layers
    Case(
        "linear after flatten",
        (1, 28, 28),
        "self.conv = nn.Conv2d(1, 10, 5, padding=2)\nself.fc = nn.Linear(980, 10)",
        "x = F.max_pool2d(self.conv(x), 4)\nreturn self.fc(torch.flatten(x, 1))",
        ("fc expects 980 features, got 490", "flatten outputs [N, 490]", "in_features", "pooling"),
        "return self.fc(",
        "self.fc = nn.Linear(490, 10)",
    ),
    Case(
        "features as a product",
        (1, 28, 28),
        "width = 8\nself.conv = nn.Conv2d(1, 2 * width, 3, padding=1)\nself.fc = nn.Linear(2 * width * 14 * 14, 10)",
        "return self.fc(torch.flatten(F.max_pool2d(self.conv(x), 4), 1))",
        ("fc expects 3136 features, got 784",),
        "self.fc(",
        "self.fc = nn.Linear(2 * width * 7 * 7, 10)",
    ),
    Case(
        "features as a product with another number of channels",
        (1, 8, 8),
        "self.conv = nn.Conv2d(1, 12, 3, padding=1)\nself.fc = nn.Linear(16 * 8**2, 10)",
        "return self.fc(torch.flatten(self.conv(x), 1))",
        ("fc expects 1024 features, got 768",),
        "self.fc(",
        "self.fc = nn.Linear(12 * 8**2, 10)",
    ),
    Case(
        "features as a product that no other number fixes",
        (1, 9, 6),
        "self.conv = nn.Conv2d(1, 5, 3, padding=1)\nself.fc = nn.Linear(4 * 7 * 7, 10)",
        "return self.fc(torch.flatten(self.conv(x), 1))",
        ("fc expects 196 features, got 270",),
        "self.fc(",
        "self.fc = nn.Linear(270, 10)",
    ),
    Case(
        "view with a product",
        (1, 28, 28),
        "self.conv = nn.Conv2d(1, 8, 3, padding=1)\nself.fc = nn.Linear(8 * 14 * 14, 10)",
        "return self.fc(F.max_pool2d(self.conv(x), 2).view(-1, 8*28*28))",
        ("view expects 6272 values per sample, got 1568",),
        ".view(",
        ".view(-1, 8*14*14)",
    ),
    Case(
        "layer replaced in a subclass",
        (4,),
        """\
class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(x)


class Net(Base):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 3)
""",
        "",
        ("fc expects 6 features, got 4",),
        "self.fc(",
        "self.fc = nn.Linear(4, 3)",
    ),
    Case(
        "transposed convolution",
        (3, 8, 8),
        "self.down = nn.Conv2d(3, 16, 3, padding=1)\nself.up = nn.ConvTranspose2d(8, 3, 2, stride=2)",
        "return self.up(self.down(x))",
        ("up expects 8 channels, got 16", "down outputs [N, 16, 8, 8]"),
        "self.up(",
        "nn.ConvTranspose2d(16, 3, 2, stride=2)",
    ),
    Case(
        "batch normalisation",
        (3, 8, 8),
        "self.conv = nn.Conv2d(3, 100, 3)\nself.norm = nn.BatchNorm2d(1)",
        "return self.norm(self.conv(x))",
        ("norm expects 1 channel, got 100", "conv outputs [N, 100, 6, 6]"),
        "self.norm(",
        "nn.BatchNorm2d(100)",
    ),
    Case(
        "group normalisation",
        (6, 5, 5),
        "self.norm = nn.GroupNorm(2, 4)",
        "return self.norm(x)",
        ("norm expects 4 channels, got 6",),
        "self.norm(",
        "nn.GroupNorm(2, 6)",
    ),
    Case(
        "instance normalisation",
        (6, 5, 5),
        "self.norm = nn.InstanceNorm2d(4, affine=True)",
        "return self.norm(x)",
        ("norm expects 4 channels, got 6",),
        "self.norm(",
        "nn.InstanceNorm2d(6, affine=True)",
    ),
    Case(
        "batch normalisation for vectors on images",
        (3, 8, 8),
        "self.conv = nn.Conv2d(3, 6, 3)\nself.norm = nn.BatchNorm1d(6)",
        "return self.norm(self.conv(x))",
        ("norm expects [N, channels] or [N, channels, length], got [N, 6, 6, 6]", "BatchNorm2d"),
        "self.norm(",
        "nn.BatchNorm2d(6)",
    ),
    Case(
        "layer normalisation over channels",
        (16, 5, 5),
        "self.norm = nn.LayerNorm(16)",
        "return self.norm(x)",
        ("ends in [16], got [N, 16, 5, 5]", "GroupNorm"),
        "self.norm(",
        "nn.GroupNorm(1, 16)",
    ),
    Case(
        "convolution of another number of axes",
        (2, 6, 6, 6),
        "self.conv = nn.Conv2d(2, 4, 3)",
        "return self.conv(x)",
        ("conv expects [N, channels, height, width], got [N, 2, 6, 6, 6]", "Conv3d"),
        "self.conv(",
        "nn.Conv3d(2, 4, 3)",
    ),
    Case(
        "groups that don't divide the channels",
        (3, 8, 8),
        "self.conv = nn.Conv2d(4, 8, 3, groups=2)",
        "return self.conv(x)",
        ("conv expects 4 channels, got 3", "groups"),
        "self.conv(",
        None,
    ),
    Case(
        "block with arguments",
        (3, 8, 8),
        "self.a = Block(3, 8)\nself.b = Block(4, 8)",
        "return self.b(self.a(x))",
        ("b.conv expects 4 channels, got 8", "a outputs [N, 8, 8, 8]"),
        "self.conv(x)",
        "self.b = Block(8, 8)",
        before=BLOCK,
    ),
    Case(
        "layer of a sequential network",
        (1, 28, 28),
        "Net = nn.Sequential(\n    nn.Conv2d(1, 8, 3),\n    nn.Flatten(),\n    nn.Linear(100, 10),\n)\n",
        "",
        ("2 (Linear) expects 100 features, got 5408", "1 (Flatten) outputs [N, 5408]"),
        "nn.Linear(100, 10)",
        "nn.Linear(5408, 10),",
    ),
    Case(
        "images into a linear layer",
        (1, 28, 28),
        "self.net = nn.Sequential(\n    nn.Conv2d(1, 8, 3),\n    nn.Linear(5408, 10),\n)",
        "return self.net(x)",
        ("net.1 (Linear) expects 5408 features, got 26", "5408 values", "flatten"),
        "self.net(x)",
        "nn.Flatten(), nn.Linear(5408, 10),",
    ),
    Case(
        "kernel larger than the image",
        (1, 4, 4),
        "self.conv = nn.Conv2d(1, 4, 5)",
        "return self.conv(x)",
        ("conv has a 5×5 kernel", "larger", "[N, 1, 4, 4]", "padding=2"),
        "self.conv(",
        "nn.Conv2d(1, 4, 5, padding=2)",
    ),
    Case(
        "kernel larger than the padded image",
        (1, 28, 28),
        "self.conv = nn.Conv2d(1, 4, 38, padding=1)",
        "return self.conv(x)",
        ("conv has a 38×38 kernel", "padded input of 30×30 values", "[N, 1, 28, 28]; make the kernel at most 30 wide"),
        "self.conv(",
        "nn.Conv2d(1, 4, 30, padding=1)",
    ),
    Case(
        "window larger than its input after another pool",
        (1, 12, 12),
        "self.pool = nn.MaxPool2d(4)",
        "return self.pool(self.pool(x))",
        ("pool has a 4×4 window", "at most 3 wide, or pool less before it"),
        "self.pool(",
        "nn.MaxPool2d(3)",
    ),
    Case(
        "embedding too short",
        (28,),
        "self.tok, self.pos = nn.Embedding(100, 8), nn.Embedding(16, 8)",
        "return self.tok(x) + self.pos(torch.arange(x.size(1)))",
        ("pos has 16 rows", "0 to 15", "up to 27"),
        "self.pos(",
        "nn.Embedding(28, 8)",
    ),
    # Order and number of axes
    Case(
        "channels last",
        (32, 32, 3),
        "self.conv = nn.Conv2d(3, 8, 3)",
        "return self.conv(x)",
        ("conv expects 3 channels, got 32", "permute(0, 3, 1, 2)"),
        "self.conv(",
        "self.conv(x.permute(0, 3, 1, 2))",
    ),
    Case(
        "channels last in one dimension",
        (6, 20),
        "self.conv = nn.Conv1d(20, 4, 3)",
        "return self.conv(x)",
        ("conv expects 20 channels, got 6", "permute(0, 2, 1)"),
        "self.conv(",
        "self.conv(x.permute(0, 2, 1))",
    ),
    Case(
        "image without channel axis",
        (28, 28),
        "self.conv = nn.Conv2d(1, 4, 3)",
        "return self.conv(x)",
        ("got [N, 28, 28]", "unsqueeze(1)"),
        "self.conv(",
        "self.conv(x.unsqueeze(1))",
    ),
    Case(
        "flat image",
        (784,),
        "self.conv = nn.Conv2d(1, 4, 3)",
        "return self.conv(x)",
        ("got [N, 784]", "[N, 1, 28, 28]"),
        "self.conv(",
        "x.view(-1, 1, 28, 28)",
    ),
    Case(
        "view after permute",
        (20, 7, 7),
        "self.fc = nn.Linear(980, 10)",
        "return self.fc(x.permute(0, 2, 3, 1).view(-1, 980))",
        ("view", "memory", "[N, 7, 7, 20]", "reshape"),
        ".view(",
        ".reshape(-1, 980)",
    ),
    Case(
        "permute without the batch axis",
        (8, 8, 3),
        "self.conv = nn.Conv2d(3, 4, 3)",
        "return self.conv(x.permute(2, 0, 1))",
        ("permute lists 3 axes", "[N, 8, 8, 3] has 4"),
        ".permute(",
        ".permute(0, 3, 1, 2)",
    ),
    Case(
        "axis that doesn't exist",
        (10,),
        "pass",
        "return F.softmax(x, dim=2)",
        ("softmax uses axis 2", "[N, 10]"),
        "softmax",
        "F.softmax(x, dim=1)",
    ),
    Case(
        "unpacking too many axes",
        (6, 8),
        "pass",
        "b, c, h, w = x.shape\nreturn x.view(b, -1)",
        ("4 names", "3 axes", "[N, 6, 8]"),
        "x.shape",
        None,
    ),
    # The batch axis
    Case(
        "flatten without start_dim",
        (1, 4, 4),
        "self.fc = nn.Linear(16, 3)",
        "return self.fc(x.flatten())",
        ("flatten joins the batch axis", "[N, 1, 4, 4] becomes [16N]", "16 features", "flatten(1)"),
        "self.fc(",
        "self.fc(x.flatten(1))",
    ),
    Case(
        "flatten without start_dim, with the size of a batch of two",
        (1, 4, 4),
        "self.fc = nn.Linear(32, 3)",
        "return self.fc(torch.flatten(x))",
        ("flatten joins the batch axis", "[16N]", "32 features"),
        "self.fc(",
        None,
    ),
    Case(
        "one sample of the batch",
        (3, 8, 8),
        "self.conv = nn.Conv2d(3, 4, 3)\nself.fc = nn.Linear(144, 2)",
        "x = x[0]\nx = self.conv(x)\nreturn self.fc(x.flatten(1))",
        ("one sample", "[N, 3, 8, 8] becomes [3, 8, 8]"),
        "self.fc(",
        "# x = x[0]",
    ),
    Case(
        "index of the batch axis",
        (5,),
        "pass",
        "return x[3] * 2",
        ("first axis of [N, 5] is the batch", "[:, 3]"),
        "x[3]",
        "x[:, 3] * 2",
    ),
    Case(
        "class token",
        (6, 8),
        "self.token = nn.Parameter(torch.zeros(1, 1, 8))",
        "return torch.cat([self.token, x], dim=1)",
        ("[1, 1, 8] and [N, 6, 8]", "`token`", "expand"),
        "torch.cat(",
        "self.token.expand(x.size(0), -1, -1), x",
    ),
    Case(
        "table added to the batch",
        (5,),
        'self.register_buffer("table", torch.zeros(7, 5))',
        "return x + self.table",
        ("[N, 5] and [7, 5]", "batch"),
        "x + self.table",
        None,
    ),
    Case(
        "fixed batch size",
        (1, 28, 28),
        "pass",
        "return x.view(32, 784)",
        ("view fixes the batch size at 32", "-1"),
        "x.view(",
        "x.view(-1, 784)",
    ),
    Case(
        "hidden state for 32 samples",
        (5, 8),
        'self.rnn = nn.GRU(8, 16, batch_first=True)\nself.register_buffer("h", torch.zeros(1, 32, 16))',
        "return self.rnn(x, self.h)[0]",
        ("gets N samples", "`h` is made for 32", "[1, 32, 16]"),
        "self.rnn(",
        "self.h[:, :x.size(0)]",
    ),
    Case(
        "recurrent layer without batch_first",
        (5, 8),
        "self.rnn = nn.LSTM(8, 16)",
        "h = torch.zeros(1, x.size(0), 16)\nreturn self.rnn(x, (h, h))[0]",
        ("[N, 5, 8] as [length, batch, features]", "[1, N, 16]", "batch_first=True"),
        "self.rnn(",
        "nn.LSTM(8, 16, batch_first=True)",
    ),
    Case(
        "padding mask without batch_first",
        (6, 8),
        "self.attention = nn.MultiheadAttention(8, 2)",
        "mask = torch.zeros(x.size(0), 6, dtype=torch.bool)\nreturn self.attention(x, x, x, key_padding_mask=mask)[0]",
        ("shape [6, N], got [N, 6]", "batch_first=True"),
        "self.attention(",
        "nn.MultiheadAttention(8, 2, batch_first=True)",
    ),
    Case(
        "attention mask without batch_first",
        (6, 8),
        "self.attention = nn.MultiheadAttention(8, 2)",
        "mask = torch.zeros(6, 6, dtype=torch.bool)\nreturn self.attention(x, x, x, attn_mask=mask)[0]",
        ("shape [N, N], got [6, 6]", "batch_first=True"),
        "self.attention(",
        "nn.MultiheadAttention(8, 2, batch_first=True)",
    ),
    Case(
        "vector into a transposed convolution",
        (100,),
        "self.up = nn.ConvTranspose2d(100, 64, 4)",
        "return self.up(x)",
        ("up expects [N, channels, height, width], got [N, 100]", "[:, :, None, None]"),
        "self.up(",
        "self.up(x[:, :, None, None])",
    ),
    Case(
        "images of a sequence",
        (10, 3, 8, 8),
        "self.conv = nn.Conv2d(3, 4, 3)",
        "return self.conv(x)",
        ("got [N, 10, 3, 8, 8]", "flatten(0, 1)"),
        "self.conv(",
        "self.conv(x.flatten(0, 1))",
    ),
    # Several tensors
    Case(
        "residual connection that changes everything",
        (16, 8, 8),
        "self.conv = nn.Conv2d(16, 32, 3, stride=2, padding=1)",
        "return x + self.conv(x)",
        ("[N, 16, 8, 8] and [N, 32, 4, 4]", "nn.Conv2d(16, 32, 1, stride=2)"),
        "x + self.conv(x)",
        None,
    ),
    Case(
        "noise for 32 samples",
        (20,),
        "self.fc = nn.Linear(20, 20)",
        "noise = torch.randn(32, 20)\nreturn self.fc(x) + noise",
        ("[N, 20] and [32, 20]", "randn creates 32 rows"),
        "+ noise",
        "torch.randn(x.size(0), 20)",
    ),
    Case(
        "vectors joined along the batch axis",
        (16,),
        "self.fc = nn.Linear(16, 32)",
        "return torch.cat([x, self.fc(x)])",
        ("cat can't join [N, 16] and [N, 32] (from fc)", "only axis 1 differs: join along it with dim=1"),
        "torch.cat(",
        "torch.cat([x, self.fc(x)], dim=1)",
    ),
    Case(
        "stack of unequal sizes",
        (3, 8, 8),
        "self.a = nn.Conv2d(3, 4, 1)\nself.b = nn.Conv2d(3, 6, 1)",
        "return torch.stack([self.a(x), self.b(x)], dim=1)",
        ("stack can't join [N, 4, 8, 8] and [N, 6, 8, 8]", "from a and b", "cat"),
        "torch.stack(",
        "torch.cat([self.a(x), self.b(x)], dim=1)",
    ),
    Case(
        "cat of maps of different sizes",
        (1, 28, 28),
        "self.down = nn.Conv2d(1, 8, 3)\nself.up = nn.ConvTranspose2d(8, 8, 3, stride=2)",
        "a = self.down(x)\nb = self.up(F.max_pool2d(a, 2))\nreturn torch.cat([b, a], 1)",
        ("[N, 8, 27, 27] and [N, 8, 26, 26]", "interpolate"),
        "torch.cat(",
        "F.interpolate(b, size=a.shape[2:])",
    ),
    Case(
        "residual connection",
        (4, 6, 6),
        "self.conv = nn.Conv2d(4, 4, 3)",
        "return x + self.conv(x)",
        ("[N, 4, 6, 6] and [N, 4, 4, 4]", "from conv", "padding"),
        "x + self.conv(x)",
        "nn.Conv2d(4, 4, 3, padding=1)",
    ),
    Case(
        "bias for each channel",
        (4, 6, 6),
        "self.bias = nn.Parameter(torch.zeros(4))",
        "return x + self.bias",
        ("[N, 4, 6, 6] and [4]", "view(-1, 1, 1)"),
        "x + self.bias",
        "self.bias.view(-1, 1, 1)",
    ),
    Case(
        "matrix that isn't transposed",
        (5,),
        "self.w = nn.Parameter(torch.zeros(3, 5))",
        "return x @ self.w",
        ("[N, 5] and [3, 5]", "5 columns", "3 rows"),
        "x @ self.w",
        "x @ self.w.T",
    ),
    Case(
        "batches of matrices of different sizes",
        (4, 6),
        "self.w = nn.Parameter(torch.zeros(5, 6, 2))",
        "return torch.bmm(x, self.w)",
        ("[N, 4, 6] and [5, 6, 2]: the batch axes [N] and [5] don't match",),
        "torch.bmm(",
        None,
    ),
    Case(
        "positions of another length",
        (6, 8),
        "self.pos = nn.Parameter(torch.zeros(1, 5, 8))",
        "return x + self.pos",
        ("[N, 6, 8] and [1, 5, 8]", "axis 1 of `pos` is 5", "6"),
        "x + self.pos",
        "torch.zeros(1, 6, 8)",
    ),
    Case(
        "functional convolution",
        (3, 6, 6),
        'self.register_buffer("edges", torch.ones(2, 3, 3).unsqueeze(1))',
        "return F.conv2d(x, self.edges, padding=1)",
        ("conv2d expects 1 channel, got 3", "`edges` is [2, 1, 3, 3]"),
        "F.conv2d(",
        "self.edges.repeat(1, 3, 1, 1)",
    ),
    Case(
        "kernel for each channel",
        (3, 6, 6),
        'self.register_buffer("edges", torch.ones(6, 1, 3, 3))',
        "return F.conv2d(x, self.edges)",
        ("conv2d expects 1 channel, got 3", "repeat it for all 3 channels, or set groups=3"),
        "F.conv2d(",
        "F.conv2d(x, self.edges, groups=3)",
    ),
    # Values, dtypes and objects
    Case(
        "float64 from NumPy",
        (4,),
        "self.mean = torch.from_numpy(np.ones(4))\nself.fc = nn.Linear(4, 2)",
        "x = x - self.mean\nreturn self.fc(x)",
        ("fc gets float64", "float32", "`mean`", "NumPy"),
        "self.fc(",
        "torch.from_numpy(np.ones(4)).float()",
    ),
    Case(
        "integers into a linear layer",
        (4,),
        "self.fc = nn.Linear(4, 2)",
        "return self.fc(x.long())",
        ("fc gets int64", "float32"),
        "self.fc(",
        "x.long().float()",
    ),
    Case(
        "parameter changed in place",
        (4,),
        "self.w = nn.Parameter(torch.ones(4))",
        "self.w += 0.1 * x.mean()\nreturn x * self.w",
        ("`w` is a parameter", "gradient", "in place", "buffer"),
        "self.w +=",
        "with torch.no_grad(): self.w += 0.1 * x.mean()",
    ),
    Case(
        "tuple of a recurrent layer",
        (6, 8),
        "self.lstm = nn.LSTM(8, 16, batch_first=True)\nself.fc = nn.Linear(16, 2)",
        "x = self.lstm(x)\nreturn self.fc(x)",
        ("fc expects a tensor, got a tuple", "lstm returns the output"),
        "self.fc(",
        "x, _ = self.lstm(x)",
    ),
    Case(
        "layer created instead of called",
        (4,),
        "self.fc = nn.Linear(4, 2)",
        "x = nn.ReLU(x)\nreturn self.fc(x)",
        ("nn.ReLU", "creates a layer"),
        "self.fc(",
        "nn.ReLU()(x)",
    ),
    Case(
        "block without return",
        (4,),
        "self.block = Silent()\nself.fc = nn.Linear(4, 2)",
        "return self.fc(self.block(x))",
        ("got None", "block returns None", "return"),
        "self.fc(",
        "return x * 2",
        before=SILENT,
    ),
    Case(
        "misspelled layer",
        (4,),
        "self.fc1 = nn.Linear(4, 2)",
        "return self.fc2(x)",
        ("'fc2'", "'fc1'"),
        "self.fc2(",
        "self.fc1(x)",
    ),
    Case(
        "misspelled layer that is similar to two",
        (1, 8, 8),
        "self.conv1, self.conv2 = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 3, 3)",
        "return self.conv2(self.convl(x))",
        ("'convl'", "did you mean 'conv1' or 'conv2'?"),
        "self.convl(",
        "self.conv2(self.conv1(x))",
    ),
    Case(
        "name without self",
        (4,),
        "self.fc = nn.Linear(4, 2)",
        "return fc(x)",
        ("'fc'", "self.fc"),
        "return fc(",
        "self.fc(x)",
    ),
    Case(
        "list of layers that is called",
        (4,),
        "self.layers = nn.ModuleList([nn.Linear(4, 4), nn.ReLU()])",
        "x = self.layers(x)\nreturn x",
        ("nn.ModuleList", "can't be called", "loop"),
        "self.layers(x)",
        "for layer in self.layers: x = layer(x)",
    ),
]


def run(case: Case, source: str, *, batched: bool = True) -> tuple[ShapeTable, ShapeTable | None]:
    """Return the trace of the source, and the trace after the fix, if there is one."""
    custom = CustomModel(source=source, class_name="Net")

    def traced(model: nn.Module, repair: Repair | None = None) -> ShapeTable:
        return trace(model, (InputSpec(shape=case.size, batched=batched),), repair=repair)

    with open_model(custom) as (model, _):
        table = traced(model, repair_of(custom, traced))
    if table.fix is None:
        return table, None
    with open_model(CustomModel(source=apply_fix(source, table.fix), class_name="Net")) as (model, _):
        return table, traced(model)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_explanation_and_the_fix(case: Case) -> None:
    table, fixed = run(case, case.source)
    assert table.error is not None
    for words in case.words:
        assert words in table.error
    assert table.error_line is not None
    assert case.line in case.source.splitlines()[table.error_line - 1]
    if case.fix is None:
        assert table.fix is None
    else:
        assert table.fix is not None
        assert case.fix in table.fix.new
        assert fixed is not None
        assert fixed.error is None


def test_a_fix_of_another_source_changes_nothing() -> None:
    case = CASES[0]
    table, _ = run(case, case.source)
    assert table.fix is not None
    other = case.source.replace("nn.Linear(980, 10)", "nn.Linear(980, 20)")
    assert apply_fix(other, table.fix) == other


def test_a_network_with_two_errors_has_no_fix() -> None:
    """Each edit alone leaves the other error."""
    case = CASES[0]
    source = case.source.replace("torch.flatten(x, 1))", "torch.flatten(x, 1)).missing()")
    table, _ = run(case, source)
    assert "fc expects 980 features, got 490" in (table.error or "")
    assert table.fix is None


UNBATCHED = [
    (
        "channels last",
        (8, 8, 3),
        "self.c = nn.Conv2d(3, 4, 3)",
        "return self.c(x)",
        "permute(2, 0, 1)",
        "x.permute(2, 0, 1)",
    ),
    ("channels", (6, 20), "self.c = nn.Conv1d(4, 4, 3)", "return self.c(x)", "4 channels, got 6", "nn.Conv1d(6, 4, 3)"),
    (
        "normalisation",
        (4, 8, 8),
        "self.n = nn.BatchNorm2d(4)",
        "return self.n(x)",
        "[N, channels, height, width], got [4, 8, 8]",
        "x.unsqueeze(0)",
    ),
    ("view", (4, 8, 8), "pass", "return x.view(3, 8, 8)", "192 values as [3, 8, 8], got 256", None),
    (
        "state",
        (6, 8),
        "self.l = nn.GRU(8, 4)",
        "return self.l(x, torch.zeros(1, 3, 4))[0]",
        "one sequence, [6, 8]",
        "self.l(x)[0]",
    ),
]


@pytest.mark.parametrize(
    ("name", "size", "init", "forward", "words", "fix"), UNBATCHED, ids=[case[0] for case in UNBATCHED]
)
def test_a_network_for_one_sample_without_a_batch_axis(
    name: str, size: tuple[int, ...], init: str, forward: str, words: str, fix: str | None
) -> None:
    case = Case(name, size, init, forward, (words,), "", fix)
    table, fixed = run(case, case.source, batched=False)
    assert words in (table.error or "")
    assert "N]" not in (table.error or "")
    if fix is None:
        assert table.fix is None
        return
    assert table.fix is not None
    assert fix in table.fix.new
    assert fixed is not None
    assert fixed.error is None


MIXING = [
    (
        "attention",
        (6, 8),
        "self.a = nn.MultiheadAttention(8, 2)",
        "return self.a(x, x, x)[0]",
        "batch_first",
        "2, batch_first=True)",
    ),
    ("recurrent layer", (6, 8), "self.l = nn.LSTM(8, 4)", "return self.l(x)[0]", "batch_first", "4, batch_first=True)"),
    ("softmax", (4,), "pass", "return F.softmax(x, dim=0)", "batch axis", "F.softmax(x, dim=-1)"),
    (
        "column",
        (4,),
        "self.f = nn.Linear(4, 1)",
        "return x.sum(1) - self.f(x)",
        "[N] and [N, 1]",
        "self.f(x).squeeze(-1)",
    ),
    (
        "view instead of transpose",
        (6, 8),
        "self.l = nn.LSTM(8, 4)",
        "x = x.view(6, -1, 8)\nreturn self.l(x)[0][-1]",
        "the view before it regroups",
        "x = x.transpose(0, 1)",
    ),
    (
        "statistics",
        (4,),
        "self.b = nn.BatchNorm1d(4, track_running_stats=False)",
        "return self.b(x)",
        "statistics",
        "=True",
    ),
    ("reversed batch", (4,), "pass", "return x.flip(0)", "flip goes over the batch axis", None),
]


@pytest.mark.parametrize(("name", "size", "init", "forward", "words", "fix"), MIXING, ids=[case[0] for case in MIXING])
def test_the_fix_keeps_the_samples_apart(
    name: str, size: tuple[int, ...], init: str, forward: str, words: str, fix: str | None
) -> None:
    case = Case(name, size, init, forward, (words,), "", fix)
    table, fixed = run(case, case.source)
    assert table.error is None
    assert any(row.mixes_samples for row in table.rows)
    assert words in table.remarks[-1].text
    if fix is None:
        assert table.fix is None
        return
    assert table.fix is not None
    assert fix in table.fix.new
    assert fixed is not None
    assert not any(row.mixes_samples for row in fixed.rows)


def test_a_view_with_a_fixed_batch_size_an_index_of_the_batch_and_a_forward_without_return() -> None:
    fixed_batch = Case("fixed", (1, 28, 28), "pass", "return x.view(32, -1)", (), "", None)
    table, _ = run(fixed_batch, fixed_batch.source)
    assert "size 32 for any number of samples" in table.remarks[0].text
    last = Case("last", (6, 8), "self.l = nn.LSTM(8, 4, batch_first=True)", "return self.l(x)[0][-1]", (), "", None)
    table, _ = run(last, last.source)
    assert "one sample of the batch: [N, 6, 4] becomes [6, 4]" in table.remarks[0].text
    silent = Case("silent", (4,), "self.fc = nn.Linear(4, 2)", "x = self.fc(x)", (), "", None)
    table, _ = run(silent, silent.source)
    assert "return" in table.remarks[0].text
