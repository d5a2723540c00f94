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
    draws: bool
    """Whether the cell draws an image."""
    answers: tuple[str, ...]
    """Answers to the questions that the cell asks with `input()`."""
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
    draws: bool = False,
    answers: tuple[str, ...] = (),
    grads: Mapping[str, float | None] | None = None,
    tries: int = 1,
) -> Claims:
    return Claims(
        holds, (shows,) if isinstance(shows, str) else shows, rows or {}, together, apart, draws, answers, grads, tries
    )


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
        claims("grid[1, 2] == 6.5", shows=r"\(torch\.Size\(\[2, 3\]\), 2, 6\)", rows={"grid": {"dtype": "float32"}}),
        claims(
            "not zeros.any() and ones.all() and identity.trace() == identity.sum() == 3",
            "evens.tolist() == [0, 2, 4, 6, 8]",
            rows={"zeros": {"shape": (2, 3)}, "ones": {"shape": (2, 3)}, "identity": {"shape": (3, 3)}, "evens": {}},
        ),
        claims(
            "normal.mean().abs() < 0.2 and (normal.abs() < 4).float().mean() > 0.99",
            "0 <= uniform.min() and uniform.max() < 1 and abs(uniform.mean() - 0.5) < 0.1",
            rows={"normal": {}, "uniform": {}},
        ),
        claims(shows="True", rows={"first": {}, "again": {}}),
        claims("(a * b).tolist() == [[10, 0], [0, 40]]", "torch.equal(a @ b, a * 10)"),
        claims(shows=r"\(torch\.Size\(\[\]\), 10\.0\)", rows={"total": {"shape": ()}}),
        claims(
            "list(things[0].parameters()) and not hasattr(F.relu, 'parameters')",
            shows=(r"torch\.nn\.modules.*Linear", r"torch\.nn\.functional +<function relu", r"torch\.optim.*Adam"),
        ),
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
            "torch.tensor([1.9, -1.9]).int().tolist() == [1, -1]",
            shows=r"\(8, 2, tensor\(\[ ?1, -1\], dtype=torch\.int32\)\)",
            rows={"wide": {"dtype": "float64"}, "half": {"dtype": "bfloat16"}},
        ),
        claims(
            "mixed.dtype == big.dtype == torch.float32 and big.item() == 16_777_216 != 16_777_217",
            "all(torch.tensor(2.0**24 + n).item() % 2 == 0 for n in range(1, 1000))",
            "0.0001 < abs(coarse.item() - 1 / 3) < 0.005",
            shows="16777216.0",
        ),
        claims(shows=r"\('torch\.FloatTensor', torch\.float32\)"),
        claims(
            "device.type in {'cuda', 'mps', 'xpu', 'cpu'}", "(device.type != 'cpu') == torch.accelerator.is_available()"
        ),
        claims("y.device == x.device and x.device.type == device.type", shows=r"True\)"),
        claims(shows="grad_fn=<SumBackward0>", rows={"w": {"origin": "leaf"}, "s": {"origin": "SumBackward0"}}),
        claims("not range(1 + 1, 2)", shows="[Oo]nly Tensors of floating point and complex"),
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
        claims("A.grad == 2 == C.grad * B", shows=r"\(tensor\(1\.\), False\)"),
        claims(shows=("None", r"UserWarning: .*\.grad.* of a Tensor that is not a leaf")),
        claims(
            "L.grad_fn.next_functions[1][0].variable is D",
            shows=r"AddBackward0.*MulBackward0.*AccumulateGrad",
        ),
        claims(shows="backward through the graph a second time"),
        claims("y == 2 ** 7 and x.grad == 7 * 2 ** 6", shows=(r"128\.", r"448\.")),
        claims(shows=r"\[2\., 2\., 2\.\].* 2\n.*\[-2\., -2\., -2\.\].* 3\n.* 3\n.* 3\n"),
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
        claims("image.shape == channel_last.permute(2, 0, 1).shape", draws=True),
        claims(
            "wide.permute(1, 0).tolist() == [[1, 4], [2, 5], [3, 6]]",
            "wide.reshape(3, 2).tolist() == [[1, 2], [3, 4], [5, 6]]",
        ),
        claims("bare.shape == (3,) and first.shape == (3, 1) and more.shape == (1, 1, 3, 1)"),
        claims(
            "flat.shape == (4, 20 * 7 * 7) == (4, 980) and one_row.shape == (4 * 980,)",
            together=("maps", "flat", "one_row"),
        ),
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
            "[*__import__('inspect').signature(datasets.FashionMNIST).parameters][:2] == ['root', 'train']",
            "training is train_data or (len(training), training.root) == (60_000, root)",
            "training is train_data or type(training[0][1]) is int",
            "type(training[0]) is tuple and training[0][0].dtype is torch.float32",
            shows=r"torch\.Size\(\[1, 28, 28\]\)",
        ),
        claims(
            "raw.min() == 0 and raw.max() <= 255 and ready.min() == -1 and 0 < ready.max() <= 1",
            "torch.allclose(ready, transforms.ToTensor()(raw) * 2 - 1, atol=1e-6)",
            shows=(r"\(28, 28\) uint8 0 \d+\n", r"torch\.Size\(\[1, 28, 28\]\) torch\.float32"),
            rows={"raw": {"kind": "array", "dtype": "uint8"}, "ready": {"dtype": "float32"}},
        ),
        claims("len(sneakers) * 10 == len(train_data)", shows=r"torch\.Size\(\[1, 28, 28\]\)"),
        claims(
            "shoes.shape == (32, 1, 28, 28) and set(labels.tolist()) == {7} and classes[7] == 'Sneaker'",
            "len(loader) == -(-len(sneakers) // 32)",
            "not torch.equal(next(iter(loader))[0], shoes)",
        ),
        claims("sizes[0] == 32 and sizes[-1] == 16 and set(sizes[:-1]) == {32}", "sum(sizes) == len(test_data)"),
        claims(
            "len(memory) == 100 and measure(memory, 4) < measure(memory, 0)", shows="0 workers: .*4 workers: ", tries=5
        ),
        claims(
            "len(SlowDisk()) == 100 and measure(SlowDisk(), 0) < 50 < measure(SlowDisk(), 4)",
            shows="0 workers: .*4 workers: ",
            tries=5,
        ),
        claims("batch.shape == (32, 1, 28, 28) and batch.max() <= 1", "train_data.pixels.nbytes / 1e6 < 47 + 0.5"),
        claims(
            "(batch >= 0).all()",
            "grid.shape == (3, 2 * (28 + 2) + 2, 7 * (28 + 2) + 2) == (3, 62, 212)",
            shows=r"torch\.Size\(\[3, 62, 212\]\)",
            draws=True,
        ),
    ),
    "08-network-shapes": (
        claims(shows=(r"\(fc1\): Linear",), rows={f"net.{name}": {"kind": "parameter"} for name in _WEIGHTS}),
        claims("c1.shape == (1, 12, 28, 28)", "net.conv1.padding == (2, 2)", "net.conv1.weight.shape == (12, 1, 5, 5)"),
        claims("F.max_pool2d(x, 2, 2).shape == (1, 1, 14, 14)", shows=r"\(28, 24, 14\)"),
        claims(
            "p1.shape == (1, 12, 14, 14) and p1[0, 0, 0, 0] == r1[0, 0, :2, :2].max() and r1.shape == c1.shape",
            "r1.min() == 0 and c1.min() < 0 and torch.equal(r1[c1 > 0], c1[c1 > 0])",
        ),
        claims("weight.shape == (3, 5) and bias.shape == (3,)", shows=r"\(True, False\)"),
        claims("p2.shape == (1, 20, 7, 7) and flat.shape == (1, 20 * 7 * 7) == (1, 980)"),
        claims(
            "(net.fc1.in_features, net.fc1.out_features, net.fc2.out_features) == (980, 200, 10)",
            shows=r"\(True, torch\.Size\(\[1, 10\]\)\)",
            rows={"logits": {"origin": "AddmmBackward0"}},
        ),
        claims("net.fc1.weight.numel() + net.fc1.bias.numel() > 0.9 * total", shows="204542"),
        claims("2 * 2 * 980 == 3920", shows="shapes cannot be multiplied \\(1x980 and 3920x200\\)"),
        claims(
            "flexible.conv.out_channels == flexible.fc.in_features == 8",
            "97 // 2 > 32 > 97 // 4 and net.fc1.in_features == 980",
            shows=r"28 \[2, 10\]\n40 \[2, 10\]\n97 \[2, 10\]\n",
        ),
    ),
    "09-logits-loss-optimiser": (
        claims(
            "logits.shape == (32, 10)",
            "(logits < 0).any() and (logits > 0).any()",
            "(logits.sum(1) - 1).abs().max() > 0.1",
        ),
        claims("torch.allclose(sums, torch.ones(32))", "same.all()"),
        claims("abs(loss - 2.3) < 0.06 and abs(-torch.tensor(1 / 10).log() - 2.303) < 5e-4", shows=r"tensor\(2\.\d+"),
        claims("torch.allclose(by_hand, loss)"),
        claims("once < 1e-6 and abs(twice - 1.46) < 0.01"),
        claims(
            "torch.allclose(moved, torch.tensor(0.001), rtol=0.01)",
            "net.fc2.bias.grad.abs().max() > 2 * net.fc2.bias.grad.abs().min()",
            "(net.fc1.weight.grad == 0).any()",
            # Adam has moved no weight whose gradient is 0: its averages are 0.
            "not optimizer.state[net.fc1.weight]['exp_avg'][net.fc1.weight.grad == 0].any()",
        ),
        claims("after < loss and after > 2", shows=" -> "),
    ),
    "10-zeroing-gradients": (
        claims(shows=r"tensor\(3\.\)"),
        claims(shows=r"tensor\(6\.\)"),
        claims("w.grad is None", shows="None"),
        claims(
            "abs(cleared[-1] - 3) < 0.01",
            "abs(accumulated.max() - 6) < 0.5 and abs(accumulated.min() - 0) < 0.5",
            "(accumulated[-20:] - 3).abs().max() > 2.5",
            rows={"cleared": {}, "accumulated": {}},
        ),
        claims("full_batch.shape == (10,) and len(images) == 32"),
        claims("len(images[part]) == 16 == 32 / 2", shows="True"),
    ),
    "11-training-loop": (
        claims(shows="50"),
        claims(
            "abs(loss - 2.3) < 0.1", rows={f"net.{name}": {"has_grad": True} for name in _WEIGHTS}, shows=r"\(True, "
        ),
        claims(
            "len(losses) == 100 and type(losses[0]) is float and loss.grad_fn is not None",
            "criterion(net(images), labels).grad_fn._saved_self is not None",
            "'freed' in message_of('loss.grad_fn._saved_self')",
            shows=(r"epoch 1: loss \d", r"epoch 2: loss \d"),
        ),
        claims("end < 0.6 * start", "(curve[1:] > curve[:-1]).sum() > 10"),
        claims("100 * accuracy > 4 * 10", "len(predictions) == 32"),
    ),
    "12-saving-loading": (
        claims("len(state) == 8", shows=r"fc1\.weight +\[200, 980\]"),
        claims("204_542 * 4 == 818_168 < path.stat().st_size < 830_000"),
        claims(shows=("All keys matched", r"\(False, True\)")),
        claims(shows=("Missing key", "Unexpected key")),
        claims("2.9 < checkpoint.stat().st_size / path.stat().st_size < 3.1"),
        claims(
            "saved['optimizer']['param_groups'][0]['lr'] == 0.001",
            "set(saved['optimizer']['state'][0]) == {'step', 'exp_avg', 'exp_avg_sq'}",
            "resumed.load_state_dict(saved['net']) and resumed.zero_grad() is None",
            "F.cross_entropy(resumed(images), labels).backward() is None",
            "torch.optim.Adam(resumed.parameters()).step() is None",
            "not torch.equal(net.fc2.weight, resumed.fc2.weight)",  # the step of a new Adam
            shows=r"^0\.001\nTrue",
        ),
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
            "torch.equal(tracked, untracked) and untracked.grad_fn is None and tracked.grad_fn is not None",
        ),
        claims("with_graph == 500 * 100 * 4 == 0.2 * 1e6", shows=r"\(200000, 0\)"),
        claims(shows=r"\(False, True\)"),
    ),
    "14-evaluating": (
        claims("loss < 1 < 2.3"),
        claims("is_correct.shape == (8,) and is_correct.dtype == torch.bool"),
        claims(
            "total == len(test_data) and type(correct) is int and 0.6 < accuracy < 0.985",
            shows=r"\d\d\.\d% of [\d,]+ test",
        ),
        claims(
            "0.001 < 1.96 * spread < 0.025",
            "abs(torch.special.erf(torch.tensor(1.96 / 2**0.5)) - 95 / 100) < 1e-3",
            shows="±",
        ),
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
        claims("100 * 31 / 32 == 96.875", shows=r"\(tensor\(96\.8750\), tensor\(96\)\)"),
        claims(
            "len(accuracies) == 300 and 96.875 in values.tolist() and values[-1] - values[0] > 15",
            "(values % 3.125 == 0).all()",
            shows=r" 96\.875 #",
        ),
        claims(
            "accuracy == 96.875 == 100 * 31 / 32 and int(accuracy) == 96",
            "step == 300 and total == len(test_data) + 16",
            shows="test accuracy: 96 %",
        ),
        claims("total == len(test_data) and true_accuracy < 96 - 1", shows=r"\d\d\.\d % of"),
    ),
    "16-when-it-does-not-work": (
        claims("12 * 14 * 14 == 2352 and 12 * 7 * 7 == 588", shows=r"\(32x2352 and 588x10\)"),
        claims(
            shows=(r"torch\.Size\(\[32, 12, 14, 14\]\)", r"torch\.Size\(\[32, 10\]\)"),
            answers=("x.shape", "x.max()", "c"),
        ),
        claims(
            "not net[0]._forward_hooks",
            shows=r"^Conv2d +\[32, 12, 28, 28\]\n.*14, 14\]\nFlatten +\[32, 2352\]\nLinear +\[32, 10\]\n$",
        ),
        claims(
            "difference.shape == (32, 32) and difference.numel() == 1_024",
            "right == F.mse_loss(predictions[:, 0], targets) != wrong",
        ),
        claims("loss == 2", "x.grad[0] == 0.25 and x.grad[1].isnan()", "torch.tensor(0.0) * torch.inf != 0"),
        claims(
            "__import__('math').isinf(1 / (2 * torch.tensor(0.0).sqrt()))",
            "torch.autograd.grad(((x + 1e-8).sqrt() * mask).sum(), x)[0].isfinite().all()",
            shows=("SqrtBackward0", r"x\.sqrt\(\) \* mask"),
        ),
        claims("784 * 100 + 100 + 100 * 10 + 10 == 79_510", shows=r"\(1010, 79510\)"),
        claims(
            "abs(healthy - 0) < 0.05 and 1.46 < broken < 2 and last_loss.__code__.co_consts.count(100) == 1",
            "[w.shape for w in twice.parameters()] == [w.shape for w in net.parameters()]",
        ),
    ),
    "17-your-own-loss": (
        claims(
            "abs(loss - 0.9) < 0.05 and abs(0.9**2 + 9 * 0.1**2 - 0.9) < 1e-9",
            "all(w.grad is not None for w in net.parameters())",
        ),
        claims("abs(brier(undecided, truth) - 0.9) < 1e-6", shows=r"^0\.0\n2\.0\n0\.[89]\d*\n"),
        claims(shows=r"\(False, True\)"),
        claims("few.numel() == 40", shows="True"),
        claims(
            "naive.isinf() and stable == 200 and torch.tensor(-200.0).exp() == 0", shows=r"\(tensor\(inf.*tensor\(200"
        ),
        claims("abs((1 - 0.9) ** focal.gamma - 1 / 100) < 1e-9 and focal.gamma == 2", shows="True"),
        claims(
            "len(pixels) == 2_000 and score > 0.6",
            shows=r"cross_entropy \d.*brier +\d.* test [6-9]\d\.\d%\nfocal +\d",
        ),
    ),
}

CLOSINGS: dict[str, Claims] = {
    "04-autograd": claims("(A * B + D).backward() is None and (A.grad, B.grad) == (2 + 2, 3 + 3)"),
    "11-training-loop": claims(
        "[(r.epochs, (0 - r.mean[0]) / r.std[0], (1 - r.mean[0]) / r.std[0])"
        " for r in [__import__('fashion_tui.schema.builtin_recipes').schema.builtin_recipes.GUIDE]] == [(3, -1, 1)]",
    ),
    "13-eval-and-no-grad": claims(
        "exec('with torch.inference_mode(): constant = torch.ones(100)', globals()) is None",
        "(weights[1] + constant).requires_grad",
        "'Inference tensors cannot be saved for backward' in message_of('weights[1] * constant')",
    ),
}
"""The claims of the paragraphs after the last step."""

EXTERNAL: dict[str, tuple[float, ...]] = {
    # What the guide prints, and what its network reaches in measurements that take minutes.
    "15-six-points": (96, 90, 90.4, 0.3, 93),
}
"""Numbers in the lessons that no cell computes."""
