"""What the lessons' cards say that one will see, in a form that a kernel can be asked.

Everything here holds for the synthetic garments and for Fashion-MNIST.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
"""Some fields of `TensorRow`."""


@dataclass(frozen=True)
class Claims:
    """Of one step, to be checked when its cell has run."""

    holds: tuple[str, ...]
    """Expressions that are true in the kernel."""
    shows: tuple[str, ...]
    """Regular expressions, each found in what the cell printed or gave as its value."""
    rows: Mapping[str, Row]
    """What the tensors table says, by name."""
    together: tuple[str, ...]
    """Names that it marks as sharing memory."""
    apart: tuple[str, ...]
    """Names that aren't marked as sharing memory with those."""
    grads: Mapping[str, float | None] | None
    """In the graph of `L`: the name of each of its nodes, and the gradient shown there."""
    tries: int
    """How often the cell may run until all that holds: more than once where it speaks of time, on a busy machine."""


def sees(
    *holds: str,
    shows: str | tuple[str, ...] = (),
    rows: Mapping[str, Row] | None = None,
    together: tuple[str, ...] = (),
    apart: tuple[str, ...] = (),
    grads: Mapping[str, float | None] | None = None,
    tries: int = 1,
) -> Claims:
    return Claims(holds, (shows,) if isinstance(shows, str) else shows, rows or {}, together, apart, grads, tries)


_WEIGHTS = (
    "conv1.weight",
    "conv1.bias",
    "conv2.weight",
    "conv2.bias",
    "fc1.weight",
    "fc1.bias",
    "fc2.weight",
    "fc2.bias",
)

CLAIMS: dict[str, tuple[Claims, ...]] = {
    "01-creating-tensors": (
        sees(shows=r"tensor\(\[1, 2, 3\]\)", rows={"t": {"shape": (3,), "dtype": "int64"}}),
        sees(shows=r"\(torch\.Size\(\[2, 3\]\), 2, 6\)", rows={"grid": {"dtype": "float32"}}),
        sees(
            "not zeros.any() and ones.all() and identity.trace() == identity.sum() == 3",
            "evens.tolist() == [0, 2, 4, 6, 8]",
            rows={"zeros": {"shape": (2, 3)}, "ones": {"shape": (2, 3)}, "identity": {"shape": (3, 3)}, "evens": {}},
        ),
        sees(
            "normal.mean().abs() < 0.2 and 2 < normal.max() < 5 and -5 < normal.min() < -2",
            "0 <= uniform.min() and uniform.max() < 1",
            rows={"normal": {}, "uniform": {}},
        ),
        sees(shows="True", rows={"first": {}, "again": {}}),
        sees("(a * b).tolist() == [[10, 0], [0, 40]]", "torch.equal(a @ b, a * 10)"),
        sees(shows=r"\(torch\.Size\(\[\]\), 10\.0\)", rows={"total": {"shape": ()}}),
    ),
    "02-numpy-shared-memory": (
        sees(
            "(a == t.numpy()).all()",
            shows=r"array\(",
            rows={"a": {"kind": "array"}, "t": {"kind": "tensor"}},
            together=("t", "a"),
        ),
        sees("a[0, 0] == 9", shows=r"9\.", together=("t", "a")),
        sees(shows="100", together=("b", "u"), apart=("a",)),
        sees("(u[1], copied[1], cloned[1]) == (-1, 2, 2)", together=("b", "u"), apart=("copied", "cloned")),
        sees(shows=r"\(torch\.float64, torch\.float32\)", together=("measured", "double"), apart=("single",)),
        sees(shows=r"detach\(\)", together=("w", "plain")),
    ),
    "03-attributes": (
        sees(shows=r"\(torch\.float32, device\(type='cpu'\), False\)"),
        sees(
            shows=r"\(8, 2, tensor\(\[ ?1, -1\], dtype=torch\.int32\)\)",
            rows={"wide": {"dtype": "float64"}, "half": {"dtype": "bfloat16"}},
        ),
        sees("mixed.dtype == torch.float32", "0.0001 < abs(coarse.item() - 1 / 3) < 0.005"),
        sees(shows=r"\('torch\.FloatTensor', torch\.float32\)"),
        sees(
            "device.type in {'cuda', 'mps', 'xpu', 'cpu'}", "(device.type != 'cpu') == torch.accelerator.is_available()"
        ),
        sees("y.device == x.device and x.device.type == device.type", shows=r"True\)"),
        sees(shows="grad_fn=<SumBackward0>", rows={"w": {"origin": "leaf"}, "s": {"origin": "SumBackward0"}}),
        sees(shows="[Oo]nly Tensors of floating point and complex"),
    ),
    "04-autograd": (
        sees(
            shows=r"\(True, None, None\)",
            rows={name: {"origin": "leaf", "has_grad": False} for name in "ABD"},
        ),
        sees("L == 10", shows="AddBackward0", grads={"L": None, "C": None, "A": None, "B": None, "D": None}),
        sees(
            shows=r"\(tensor\(2\.\), tensor\(3\.\), tensor\(1\.\)\)",
            grads={"L": None, "C": 1, "A": 2, "B": 3, "D": 1},
            rows={name: {"has_grad": True} for name in "ABD"},
        ),
        sees("A.grad == C.grad * B", shows=r"\(tensor\(1\.\), False\)"),
        sees(shows=("None", r"UserWarning: .*\.grad.* of a Tensor that is not a leaf")),
        sees(
            "L.grad_fn.next_functions[1][0].variable is D",
            shows=r"AddBackward0.*MulBackward0.*AccumulateGrad",
        ),
        sees(shows="backward through the graph a second time"),
        sees("y == 2 ** 7 and x.grad == 7 * 2 ** 6", shows=(r"128\.", r"448\.")),
    ),
    "05-reshaping": (
        sees("inferred.shape == (3, 2)", "rows.flatten().tolist() == [*range(6)]", together=("t", "rows", "inferred")),
        sees(shows="99", together=("t", "v")),
        sees(
            "turned.stride() == rows.stride()[::-1]",
            shows=("view size is not compatible", r"\(1, 3\)"),
            together=("rows", "turned"),
            apart=("copy",),
        ),
        sees("picture.shape == (28, 28, 1)", together=("image", "picture")),
        sees(
            "wide.permute(1, 0).tolist() == [[1, 4], [2, 5], [3, 6]]",
            "wide.reshape(3, 2).tolist() == [[1, 2], [3, 4], [5, 6]]",
        ),
        sees("bare.shape == (3,) and first.shape == (3, 1) and more.shape == (1, 1, 3, 1)"),
        sees("flat.shape == (4, 980) and all_of_it.shape == (4 * 980,)", together=("maps", "flat", "all_of_it")),
    ),
    "06-batch-axis": (
        sees("image.shape == (1, 28, 28)", shows="'[A-Z].*'"),
        sees(shows=r"\(torch\.Size\(\[1, 10\]\), True\)"),
        sees(
            "(len(images), len(labels), len(scores)) == (32, 32, 32)",
            "torch.allclose(scores[5], model(images[5:6])[0], atol=1e-5)",
        ),
        sees("stacked.shape == (4, 1, 28, 28) and joined.shape == (4, 28, 28)"),
        sees(shows=r"torch\.Size\(\[12, 28, 28\]\)"),
        sees("guessed.shape == (1, 980) and mistaken.shape == (20, 49)"),
        sees("end - middle < (middle - start) * 0.75", shows=("one by one", "True"), tries=10),
    ),
    "07-data": (
        sees(
            "(len(train_data), len(test_data)) in {(60_000, 10_000), (12_000, 2_000)}",
            "len(classes) == 10 and image.shape == (1, 28, 28)",
        ),
        sees(
            "raw.min() == 0 and ready.min() == -1 and 0 < ready.max() <= 1",
            "torch.allclose(ready, __import__('torchvision').transforms.ToTensor()(raw) * 2 - 1, atol=1e-6)",
            shows=r"\(\(28, 28\), torch\.Size\(\[1, 28, 28\]\), torch\.float32\)",
            rows={"raw": {"kind": "array", "dtype": "uint8"}, "ready": {"dtype": "float32"}},
        ),
        sees("len(sneakers) * 10 == len(train_data)", shows=r"torch\.Size\(\[1, 28, 28\]\)"),
        sees(
            "shoes.shape == (32, 1, 28, 28) and words[0] == 'sneaker'",
            "len(loader) == -(-len(sneakers) // 32)",
            "not torch.equal(next(iter(loader))[0], shoes)",
        ),
        sees("sizes[0] == 32 and sizes[-1] == 16 and set(sizes[:-1]) == {32}", "sum(sizes) == len(test_data)"),
        sees("batch.shape == (32, 1, 28, 28) and batch.max() <= 1", "train_data.pixels.nbytes <= 47.1e6"),
    ),
    "08-network-shapes": (
        sees(shows=(r"\(fc1\): Linear",), rows={f"net.{name}": {"kind": "parameter"} for name in _WEIGHTS}),
        sees("c1.shape == (1, 12, 28, 28)", "net.conv1.weight.shape == (12, 1, 5, 5)"),
        sees(shows=r"\(28, 24, 14\)"),
        sees(
            "p1.shape == (1, 12, 14, 14) and r1.shape == c1.shape",
            "r1.min() == 0 and c1.min() < 0 and torch.equal(r1[c1 > 0], c1[c1 > 0])",
        ),
        sees("p2.shape == (1, 20, 7, 7) and flat.shape == (1, 980)"),
        sees(shows=r"\(True, torch\.Size\(\[1, 10\]\)\)", rows={"logits": {"origin": "AddmmBackward0"}}),
        sees("net.fc1.weight.numel() + net.fc1.bias.numel() > 0.9 * total", shows="204542"),
        sees(shows="shapes cannot be multiplied \\(1x980 and 3920x200\\)"),
    ),
    "09-logits-loss-optimiser": (
        sees(
            "logits.shape == (32, 10)",
            "(logits < 0).any() and (logits > 0).any()",
            "(logits.sum(1) - 1).abs().max() > 0.1",
        ),
        sees("torch.allclose(sums, torch.ones(32))", "same.all()", rows={"sums": {}}),
        sees("2.25 < loss < 2.36", shows=r"tensor\(2\.\d+"),
        sees("torch.allclose(by_hand, loss)"),
        sees("proper < 1e-6 and abs(doubled - 1.46) < 0.01"),
        sees("torch.allclose(moved, torch.tensor(0.001), rtol=0.01)", "moved.shape == (10,)"),
        sees("after < loss and after > 2", shows=" -> "),
    ),
    "10-zeroing-gradients": (
        sees(shows=r"tensor\(3\.\)"),
        sees(shows=r"tensor\(6\.\)"),
        sees("w.grad is None", shows="None"),
        sees(
            "abs(cleared[-1] - 3) < 0.01",
            "5.5 < piled_up.max() < 6.5 and -0.5 < piled_up.min() < 0.5",
            "(piled_up[-20:] - 3).abs().max() > 2.5",
            rows={"cleared": {}, "piled_up": {}},
        ),
        sees("whole.shape == (10,)"),
        sees(shows="True"),
    ),
    "11-training-loop": (
        sees(shows="50"),
        sees("2.2 < loss < 2.4", rows={f"net.{name}": {"has_grad": True} for name in _WEIGHTS}),
        sees("len(losses) == 100 and type(losses[0]) is float", shows=(r"epoch 1: loss \d", r"epoch 2: loss \d")),
        sees("end < 0.6 * start", "(curve[1:] > curve[:-1]).sum() > 10"),
        sees("share > 0.4", "len(guesses) == 32"),
    ),
    "12-saving-loading": (
        sees("len(state) == 8", shows=r"fc1\.weight +\[200, 980\]"),
        sees("204_542 * 4 == 818_168 < path.stat().st_size < 830_000"),
        sees(shows=("All keys matched", r"\(False, True\)")),
        sees(shows=("Missing key", "Unexpected key")),
        sees("2.9 < checkpoint.stat().st_size / path.stat().st_size < 3.1"),
        sees(shows=r"^refused: (?!.*this ran)"),
        sees(shows="this ran from the file!"),
        sees(shows="False"),
    ),
    "13-eval-and-no-grad": (
        sees("set(training.tolist()) == {0, 2} and abs(training.mean() - 1) < 0.15"),
        sees("torch.equal(using, ones)"),
        sees(
            "torch.allclose(trained.flatten(), torch.tensor([-1.0, 1.0]), atol=1e-3)",
            "torch.allclose(norm.running_mean, torch.tensor(2.0))",
            "used.mean() > 1",
        ),
        sees(shows=r"\(True, True\)"),
        sees(
            "torch.equal(tracked, untracked) and untracked.grad_fn is None",
            rows={"tracked": {"origin": "AddmmBackward0"}, "untracked": {"origin": ""}},
        ),
        sees("1.5e6 < with_graph < 2.5e6 and sum(kept) == 0"),
        sees(shows=r"\(False, True\)"),
    ),
    "14-evaluating": (
        sees("loss < 1"),
        sees("right.shape == (8,) and right.dtype == torch.bool"),
        sees(
            "total == len(test_data) and type(correct) is int and 0.6 < accuracy < 0.985",
            shows=r"\d\d\.\d% of [\d,]+ test",
        ),
        sees("0.001 < 1.96 * spread < 0.025", shows="±"),
        sees("confusion.sum() == len(test_data) and confusion.diagonal().sum() == (guesses == truth).sum()"),
        sees("classes[found.argmin()] == 'Shirt'", shows=r"Trouser +\d"),
        sees("len(wrong) == len(test_data) - (guesses == truth).sum()", shows=r"\w taken for \w"),
    ),
    "15-six-points": (
        sees("all(len(y) == 32 and x.min() == -1 for x, y in batches(train_data, shuffled))", shows="300"),
        sees("loss < 1.5 and len(data[1]) == 32", shows="step 300: loss"),
        sees("total == len(test_data) + 16", "(figure * 32 / 100) % 1 == 0"),
        sees(
            "len(possible) == 33 and possible[1] == 3.125",
            # The last claim of the card, with the test labels turned around: the figure stays.
            "setattr(test_data, 'labels', test_data.labels.flip(0)) or evaluate_like_the_guide()[0] == figure",
            "setattr(test_data, 'labels', test_data.labels.flip(0)) or evaluate_like_the_guide()[0] == figure",
            shows="of 32 right",
        ),
        sees(shows=r"\(tensor\(96\.8750\), tensor\(96\)\)"),
        sees(
            "96.875 in values.tolist() and values[-1] - values[0] > 15",
            "(values % 3.125 == 0).all()",
            shows=r" 96\.875 #",
        ),
        sees("figure == 96.875 and total == len(test_data) + 16", shows="test accuracy: 96 %"),
        sees("total == len(test_data) and honest < 95", shows=r"\d\d\.\d % of"),
    ),
}
