"""The claims of the lessons' cards, in a form that can be checked in a kernel.

They hold for both data sets, `synthetic` and Fashion-MNIST.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
"""Expected values of some fields of a `TensorRow`."""


@dataclass(frozen=True)
class Claims:
    """The claims of one step, checked after its cell has run."""

    holds: tuple[str, ...]
    """Python expressions that are true in the kernel."""
    shows: tuple[str, ...]
    """Regular expressions, each found in the printed text and the result of the cell."""
    rows: Mapping[str, Row]
    """Expected rows of the table of tensors, keyed by name."""
    together: tuple[str, ...]
    """Names that the table marks as sharing memory."""
    apart: tuple[str, ...]
    """Names that the table doesn't mark as sharing memory with those in `together`."""
    grads: Mapping[str, float | None] | None
    """Expected gradient of each named node in the graph of `L`."""
    tries: int
    """Maximum number of attempts until all claims hold. Claims about time get several, because machines are busy."""


def claims(
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
        claims(shows=r"tensor\(\[1, 2, 3\]\)", rows={"t": {"shape": (3,), "dtype": "int64"}}),
        claims(shows=r"\(torch\.Size\(\[2, 3\]\), 2, 6\)", rows={"grid": {"dtype": "float32"}}),
        claims(
            "not zeros.any() and ones.all() and identity.trace() == identity.sum() == 3",
            "evens.tolist() == [0, 2, 4, 6, 8]",
            rows={"zeros": {"shape": (2, 3)}, "ones": {"shape": (2, 3)}, "identity": {"shape": (3, 3)}, "evens": {}},
        ),
        claims(
            "normal.mean().abs() < 0.2 and 2 < normal.max() < 5 and -5 < normal.min() < -2",
            "0 <= uniform.min() and uniform.max() < 1",
            rows={"normal": {}, "uniform": {}},
        ),
        claims(shows="True", rows={"first": {}, "again": {}}),
        claims("(a * b).tolist() == [[10, 0], [0, 40]]", "torch.equal(a @ b, a * 10)"),
        claims(shows=r"\(torch\.Size\(\[\]\), 10\.0\)", rows={"total": {"shape": ()}}),
    ),
    "02-numpy-shared-memory": (
        claims(
            "(a == t.numpy()).all()",
            shows=r"array\(",
            rows={"a": {"kind": "array"}, "t": {"kind": "tensor"}},
            together=("t", "a"),
        ),
        claims("a[0, 0] == 9", shows=r"9\.", together=("t", "a")),
        claims(shows="100", together=("b", "u"), apart=("a",)),
        claims("(u[1], copied[1], cloned[1]) == (-1, 2, 2)", together=("b", "u"), apart=("copied", "cloned")),
        claims(shows=r"\(torch\.float64, torch\.float32\)", together=("measured", "double"), apart=("single",)),
        claims(shows=r"detach\(\)", together=("w", "plain")),
    ),
    "03-attributes": (
        claims(shows=r"\(torch\.float32, device\(type='cpu'\), False\)"),
        claims(
            shows=r"\(8, 2, tensor\(\[ ?1, -1\], dtype=torch\.int32\)\)",
            rows={"wide": {"dtype": "float64"}, "half": {"dtype": "bfloat16"}},
        ),
        claims("mixed.dtype == torch.float32", "0.0001 < abs(coarse.item() - 1 / 3) < 0.005"),
        claims(shows=r"\('torch\.FloatTensor', torch\.float32\)"),
        claims(
            "device.type in {'cuda', 'mps', 'xpu', 'cpu'}", "(device.type != 'cpu') == torch.accelerator.is_available()"
        ),
        claims("y.device == x.device and x.device.type == device.type", shows=r"True\)"),
        claims(shows="grad_fn=<SumBackward0>", rows={"w": {"origin": "leaf"}, "s": {"origin": "SumBackward0"}}),
        claims(shows="[Oo]nly Tensors of floating point and complex"),
    ),
    "04-autograd": (
        claims(
            shows=r"\(True, None, None\)",
            rows={name: {"origin": "leaf", "has_grad": False} for name in "ABD"},
        ),
        claims("L == 10", shows="AddBackward0", grads={"L": None, "C": None, "A": None, "B": None, "D": None}),
        claims(
            shows=r"\(tensor\(2\.\), tensor\(3\.\), tensor\(1\.\)\)",
            grads={"L": None, "C": 1, "A": 2, "B": 3, "D": 1},
            rows={name: {"has_grad": True} for name in "ABD"},
        ),
        claims("A.grad == C.grad * B", shows=r"\(tensor\(1\.\), False\)"),
        claims(shows=("None", r"UserWarning: .*\.grad.* of a Tensor that is not a leaf")),
        claims(
            "L.grad_fn.next_functions[1][0].variable is D",
            shows=r"AddBackward0.*MulBackward0.*AccumulateGrad",
        ),
        claims(shows="backward through the graph a second time"),
        claims("y == 2 ** 7 and x.grad == 7 * 2 ** 6", shows=(r"128\.", r"448\.")),
    ),
    "05-reshaping": (
        claims(
            "inferred.shape == (3, 2)", "rows.flatten().tolist() == [*range(6)]", together=("t", "rows", "inferred")
        ),
        claims(shows="99", together=("t", "v")),
        claims(
            "transposed.stride() == rows.stride()[::-1]",
            shows=("view size is not compatible", r"\(1, 3\)"),
            together=("rows", "transposed"),
            apart=("copy",),
        ),
        claims("channel_last.shape == (28, 28, 1)", together=("image", "channel_last")),
        claims(
            "wide.permute(1, 0).tolist() == [[1, 4], [2, 5], [3, 6]]",
            "wide.reshape(3, 2).tolist() == [[1, 2], [3, 4], [5, 6]]",
        ),
        claims("bare.shape == (3,) and first.shape == (3, 1) and more.shape == (1, 1, 3, 1)"),
        claims("flat.shape == (4, 980) and one_row.shape == (4 * 980,)", together=("maps", "flat", "one_row")),
    ),
    "06-batch-axis": (
        claims("image.shape == (1, 28, 28)", shows="'[A-Z].*'"),
        claims(shows=r"\(torch\.Size\(\[1, 10\]\), True\)"),
        claims(
            "(len(images), len(labels), len(scores)) == (32, 32, 32)",
            "torch.allclose(scores[5], model(images[5:6])[0], atol=1e-5)",
        ),
        claims("stacked.shape == (4, 1, 28, 28) and joined.shape == (4, 28, 28)"),
        claims(shows=r"torch\.Size\(\[12, 28, 28\]\)"),
        claims("viewed.shape == (1, 980) and flattened.shape == (20, 49)"),
        claims("end - middle < (middle - start) * 0.75", shows=("one by one", "True"), tries=10),
    ),
    "07-data": (
        claims(
            "(len(train_data), len(test_data)) in {(60_000, 10_000), (12_000, 2_000)}",
            "len(classes) == 10 and image.shape == (1, 28, 28)",
        ),
        claims(
            "raw.min() == 0 and ready.min() == -1 and 0 < ready.max() <= 1",
            "torch.allclose(ready, __import__('torchvision').transforms.ToTensor()(raw) * 2 - 1, atol=1e-6)",
            shows=r"\(\(28, 28\), torch\.Size\(\[1, 28, 28\]\), torch\.float32\)",
            rows={"raw": {"kind": "array", "dtype": "uint8"}, "ready": {"dtype": "float32"}},
        ),
        claims("len(sneakers) * 10 == len(train_data)", shows=r"torch\.Size\(\[1, 28, 28\]\)"),
        claims(
            "shoes.shape == (32, 1, 28, 28) and names[0] == 'sneaker'",
            "len(loader) == -(-len(sneakers) // 32)",
            "not torch.equal(next(iter(loader))[0], shoes)",
        ),
        claims("sizes[0] == 32 and sizes[-1] == 16 and set(sizes[:-1]) == {32}", "sum(sizes) == len(test_data)"),
        claims("batch.shape == (32, 1, 28, 28) and batch.max() <= 1", "train_data.pixels.nbytes <= 47.1e6"),
    ),
    "08-network-shapes": (
        claims(shows=(r"\(fc1\): Linear",), rows={f"net.{name}": {"kind": "parameter"} for name in _WEIGHTS}),
        claims("c1.shape == (1, 12, 28, 28)", "net.conv1.weight.shape == (12, 1, 5, 5)"),
        claims(shows=r"\(28, 24, 14\)"),
        claims(
            "p1.shape == (1, 12, 14, 14) and r1.shape == c1.shape",
            "r1.min() == 0 and c1.min() < 0 and torch.equal(r1[c1 > 0], c1[c1 > 0])",
        ),
        claims("p2.shape == (1, 20, 7, 7) and flat.shape == (1, 980)"),
        claims(shows=r"\(True, torch\.Size\(\[1, 10\]\)\)", rows={"logits": {"origin": "AddmmBackward0"}}),
        claims("net.fc1.weight.numel() + net.fc1.bias.numel() > 0.9 * total", shows="204542"),
        claims(shows="shapes cannot be multiplied \\(1x980 and 3920x200\\)"),
    ),
    "09-logits-loss-optimiser": (
        claims(
            "logits.shape == (32, 10)",
            "(logits < 0).any() and (logits > 0).any()",
            "(logits.sum(1) - 1).abs().max() > 0.1",
        ),
        claims("torch.allclose(sums, torch.ones(32))", "same.all()", rows={"sums": {}}),
        claims("2.25 < loss < 2.36", shows=r"tensor\(2\.\d+"),
        claims("torch.allclose(by_hand, loss)"),
        claims("once < 1e-6 and abs(twice - 1.46) < 0.01"),
        claims("torch.allclose(moved, torch.tensor(0.001), rtol=0.01)", "moved.shape == (10,)"),
        claims("after < loss and after > 2", shows=" -> "),
    ),
    "10-zeroing-gradients": (
        claims(shows=r"tensor\(3\.\)"),
        claims(shows=r"tensor\(6\.\)"),
        claims("w.grad is None", shows="None"),
        claims(
            "abs(cleared[-1] - 3) < 0.01",
            "5.5 < accumulated.max() < 6.5 and -0.5 < accumulated.min() < 0.5",
            "(accumulated[-20:] - 3).abs().max() > 2.5",
            rows={"cleared": {}, "accumulated": {}},
        ),
        claims("full_batch.shape == (10,)"),
        claims(shows="True"),
    ),
    "11-training-loop": (
        claims(shows="50"),
        claims("2.2 < loss < 2.4", rows={f"net.{name}": {"has_grad": True} for name in _WEIGHTS}),
        claims("len(losses) == 100 and type(losses[0]) is float", shows=(r"epoch 1: loss \d", r"epoch 2: loss \d")),
        claims("end < 0.6 * start", "(curve[1:] > curve[:-1]).sum() > 10"),
        claims("accuracy > 0.4", "len(predictions) == 32"),
    ),
    "12-saving-loading": (
        claims("len(state) == 8", shows=r"fc1\.weight +\[200, 980\]"),
        claims("204_542 * 4 == 818_168 < path.stat().st_size < 830_000"),
        claims(shows=("All keys matched", r"\(False, True\)")),
        claims(shows=("Missing key", "Unexpected key")),
        claims("2.9 < checkpoint.stat().st_size / path.stat().st_size < 3.1"),
        claims(shows=r"^refused: (?!.*this ran)"),
        claims(shows="this ran from the file!"),
        claims(shows="False"),
    ),
    "13-eval-and-no-grad": (
        claims("set(training.tolist()) == {0, 2} and abs(training.mean() - 1) < 0.15"),
        claims("torch.equal(evaluating, ones)"),
        claims(
            "torch.allclose(trained.flatten(), torch.tensor([-1.0, 1.0]), atol=1e-3)",
            "torch.allclose(norm.running_mean, torch.tensor(2.0))",
            "used.mean() > 1",
        ),
        claims(shows=r"\(True, True\)"),
        claims(
            "torch.equal(tracked, untracked) and untracked.grad_fn is None",
            rows={"tracked": {"origin": "AddmmBackward0"}, "untracked": {"origin": ""}},
        ),
        claims("1.5e6 < with_graph < 2.5e6 and sum(kept) == 0"),
        claims(shows=r"\(False, True\)"),
    ),
    "14-evaluating": (
        claims("loss < 1"),
        claims("is_correct.shape == (8,) and is_correct.dtype == torch.bool"),
        claims(
            "total == len(test_data) and type(correct) is int and 0.6 < accuracy < 0.985",
            shows=r"\d\d\.\d% of [\d,]+ test",
        ),
        claims("0.001 < 1.96 * spread < 0.025", shows="±"),
        claims("confusion.sum() == len(test_data) and confusion.diagonal().sum() == (predictions == truth).sum()"),
        claims("classes[recall.argmin()] == 'Shirt'", shows=r"Trouser +\d"),
        claims("len(wrong) == len(test_data) - (predictions == truth).sum()", shows=r"\w taken for \w"),
    ),
    "15-six-points": (
        claims("all(len(y) == 32 and x.min() == -1 for x, y in batches(train_data, shuffled))", shows="300"),
        claims("loss < 1.5 and len(data[1]) == 32", shows="step 300: loss"),
        claims("total == len(test_data) + 16", "(accuracy * 32 / 100) % 1 == 0"),
        claims(
            "len(possible) == 33 and possible[1] == 3.125",
            # The card's last claim: the accuracy doesn't depend on the test labels. Reversing them twice restores them.
            "setattr(test_data, 'labels', test_data.labels.flip(0)) or evaluate_like_the_guide()[0] == accuracy",
            "setattr(test_data, 'labels', test_data.labels.flip(0)) or evaluate_like_the_guide()[0] == accuracy",
            shows="of 32 correct",
        ),
        claims(shows=r"\(tensor\(96\.8750\), tensor\(96\)\)"),
        claims(
            "96.875 in values.tolist() and values[-1] - values[0] > 15",
            "(values % 3.125 == 0).all()",
            shows=r" 96\.875 #",
        ),
        claims("accuracy == 96.875 and total == len(test_data) + 16", shows="test accuracy: 96 %"),
        claims("total == len(test_data) and true_accuracy < 95", shows=r"\d\d\.\d % of"),
    ),
}
