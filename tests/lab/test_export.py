"""Other programs can read exported networks, and a file is checked before it replaces another one."""

import hashlib
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime
import pytest
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

import fashion_tui
from fashion_tui.lab.evaluation.metrics import Cancelled
from fashion_tui.lab.export.exporting import export_network
from fashion_tui.lab.export.weights import contiguous_weights, load_into, read_weights, weights_sha256
from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.networks.build import open_model
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.export import EXPORT_FORMATS, ExportFormat, ExportMetadata
from tests.custom_models import custom_model

PIXELS = torch.randint(0, 256, (50, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))

METADATA = ExportMetadata(
    run="20261130-1200-guide-a1b2",
    step=30,
    dataset="synthetic",
    classes=("a", "b", *"cdefghij"),
    image_shape=(1, 28, 28),
    mean=(0.25,),
    std=(0.5,),
    weights_sha256="0" * 64,
)


def export(net: nn.Module, file_format: ExportFormat, path: Path, **options: Any) -> float:
    return export_network(net, type(net), METADATA, file_format, path, PIXELS, **options)


@pytest.fixture(scope="module")
def guide() -> GuideNet:
    torch.manual_seed(1)
    return GuideNet().to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def files(guide: GuideNet, tmp_path_factory: pytest.TempPathFactory) -> dict[ExportFormat, Path]:
    """The guide's network in every format."""
    folder = tmp_path_factory.mktemp("exported")
    files = {file_format: folder / file_format for file_format in EXPORT_FORMATS}
    for file_format, path in files.items():
        assert export(guide, file_format, path) < 1e-4
    assert sorted(folder.iterdir()) == sorted(files.values()), "no other files are left"
    return files


def read_safetensors(path: Path) -> tuple[Callable[[Tensor], Tensor], str]:
    with safetensors.safe_open(path, framework="pt") as file:
        net = GuideNet()
        net.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 - not a dict
        return net, file.metadata()["fashion_tui"]


def read_state_dict(path: Path) -> tuple[Callable[[Tensor], Tensor], None]:
    net = GuideNet()
    net.load_state_dict(torch.load(path, weights_only=True))
    return net, None


def read_program(path: Path) -> tuple[Callable[[Tensor], Tensor], str]:
    extra = {"fashion_tui.json": ""}
    return torch.export.load(path, extra_files=extra).module(), extra["fashion_tui.json"]


def read_onnx(path: Path) -> tuple[Callable[[Tensor], Tensor], str]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert given.shape == ["batch", 1, 28, 28]
    metadata = session.get_modelmeta().custom_metadata_map["fashion_tui"]
    return lambda images: torch.from_numpy(session.run(None, {given.name: images.numpy()})[0]), metadata


READERS: dict[ExportFormat, Callable[[Path], tuple[Callable[[Tensor], Tensor], str | None]]] = {
    "safetensors": read_safetensors,
    "state-dict": read_state_dict,
    "exported-program": read_program,
    "onnx": read_onnx,
}


@pytest.mark.parametrize("file_format", EXPORT_FORMATS)
def test_other_programs_get_the_networks_logits(
    guide: GuideNet, files: dict[ExportFormat, Path], file_format: ExportFormat
) -> None:
    net, metadata = READERS[file_format](files[file_format])
    for count in (1, 2, 7):
        images = (PIXELS[:count].float() / 255 - 0.25) / 0.5
        with torch.no_grad():
            torch.testing.assert_close(net(images), guide(images), rtol=1e-4, atol=1e-5)
    if metadata is not None:
        assert json.loads(metadata) == {
            "run": "20261130-1200-guide-a1b2", "step": 30, "dataset": "synthetic", "classes": list("abcdefghij"),
            "image_shape": [1, 28, 28], "mean": [0.25], "std": [0.5], "weights_sha256": "0" * 64,
            "input": "float32 [N, C, H, W], each channel (pixels / 255 - mean) / std",
        }  # fmt: skip


@pytest.mark.parametrize("file_format", ["safetensors", "state-dict"])
def test_the_weights_are_those_of_the_network(
    guide: GuideNet, files: dict[ExportFormat, Path], file_format: ExportFormat
) -> None:
    path = files[file_format]
    stored = safetensors.torch.load_file(path) if file_format == "safetensors" else torch.load(path, weights_only=True)
    assert stored.keys() == guide.state_dict().keys()
    assert all(torch.equal(stored[name], tensor) for name, tensor in guide.state_dict().items())


@pytest.mark.parametrize("file_format", ["onnx", "exported-program"])
def test_a_file_with_code_has_no_paths_of_this_machine(
    files: dict[ExportFormat, Path], file_format: ExportFormat
) -> None:
    content = files[file_format].read_bytes()
    for module in (fashion_tui, torch):
        assert str(Path(str(module.__file__)).parent).encode() not in content


def test_the_hash_is_that_of_the_weights_in_the_order_of_their_names(guide: GuideNet) -> None:
    arrays = {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in guide.state_dict().items()}
    expected = hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest()
    assert weights_sha256(guide) == expected
    other = GuideNet()
    assert weights_sha256(other) != expected


def test_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    """Neither the memory layout nor the order of the modules changes a safetensors file."""
    net = GuideNet()
    copy = GuideNet()
    copy.load_state_dict(net.state_dict())
    copy.to(memory_format=torch.channels_last)
    copy._modules["conv1"] = copy._modules.pop("conv1")  # conv1 is the last module now
    for name, network in (("a", net), ("b", copy)):
        assert export(network, "safetensors", tmp_path / name) == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


class Net(nn.Module):
    """A network with a linear layer, from which the networks below are derived."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(784, 10)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(images.flatten(1))
        return logits


def test_tied_weights_are_written_once_and_read_back() -> None:
    class Tied(Net):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Linear(10, 10)
            self.second = torch.nn.Linear(10, 10)
            self.second.weight = self.first.weight

    net = Tied()
    weights = contiguous_weights(net)
    assert set(weights) == {"fc.weight", "fc.bias", "first.weight", "first.bias", "second.bias"}
    copy = Tied()
    load_into(copy, weights)
    assert copy.second.weight is copy.first.weight
    assert torch.equal(copy.second.weight, weights["first.weight"])


def test_tensors_that_share_memory_are_written_separately() -> None:
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
    copy = Sharing()
    load_into(copy, read_weights(safetensors.torch.save(weights)))
    for name, tensor in net.state_dict().items():
        assert torch.equal(copy.state_dict()[name], tensor)


def test_weights_of_another_network_are_refused() -> None:
    weights = GuideNet().state_dict()
    del weights["fc2.bias"]
    with pytest.raises(UserError, match="don't fit GuideNet"):
        load_into(GuideNet(), weights)


def test_a_network_for_colour_images(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    colour = msgspec.structs.replace(
        METADATA, image_shape=(3, 8, 6), classes=tuple("abcd"), mean=(0.1, 0.2, 0.3), std=(0.5, 0.4, 0.3)
    )
    pixels = PIXELS[:, :, :8, :18].reshape(-1, 3, 8, 6)
    path = tmp_path / "net.pt2"
    assert export_network(net, lambda: net, colour, "exported-program", path, pixels) < 1e-5
    images = torch.rand(5, 3, 8, 6)
    with torch.no_grad():
        torch.testing.assert_close(torch.export.load(path).module()(images), net(images))


class Branching(Net):
    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        return logits * 2 if logits.sum() > 0 else logits


class Small(Net):
    def forward(self, images: Tensor) -> Tensor:
        assert len(images) <= 4
        return super().forward(images)


class Failing(Net):
    def forward(self, images: Tensor) -> Tensor:
        if torch.compiler.is_exporting():
            raise ValueError("no\nexport")
        return super().forward(images)


@pytest.mark.parametrize(
    ("net", "cause"),
    [(Branching, "values of a tensor"), (Small, "batches of every size"), (Failing, "ValueError: no export")],
)
def test_a_network_that_cant_be_traced_is_refused_with_the_cause(
    tmp_path: Path, net: type[Net], cause: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.pt2"
    path.write_bytes(b"an older file")
    with pytest.raises(UserError, match=f"{net.__name__} .*{cause}.*safetensors") as caught:
        export(net(), "exported-program", path)
    assert "\n" not in str(caught.value)
    assert (path.read_bytes(), [file.name for file in tmp_path.iterdir()]) == (b"an older file", ["net.pt2"])
    assert capfd.readouterr().err == ""


def test_the_line_of_a_custom_model_is_named(tmp_path: Path) -> None:
    source = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 10)

    def forward(self, x):
        logits = self.fc(x.flatten(1))
        if logits.max() > 1:
            logits = logits / 2
        return logits
"""
    with (
        open_model(custom_model(source)) as (net, _),
        pytest.raises(UserError, match=r"values of a tensor \(.*:11\)"),
    ):
        export(net, "exported-program", tmp_path / "net.pt2")


def test_an_extra_state_that_isnt_plain_is_refused_as_state_dict(tmp_path: Path) -> None:
    class Stateful(Net):
        def get_extra_state(self) -> object:
            return Path("an object")

        def set_extra_state(self, state: object) -> None:
            pass

    (tmp_path / "net.pt").write_bytes(b"an older file")
    with pytest.raises(UserError, match=r"weights_only=True.*_extra_state.*safetensors"):
        export(Stateful(), "state-dict", tmp_path / "net.pt")
    assert (tmp_path / "net.pt").read_bytes() == b"an older file"
    assert export(Stateful(), "safetensors", tmp_path / "net.safetensors") == 0


class Rounding(Net):
    """Adds a number that isn't in the weights: the first network built adds 0, the next 0.5, and so on."""

    built = 0

    def __init__(self) -> None:
        super().__init__()
        self.offset = Rounding.built / 2
        Rounding.built += 1

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) + self.offset


def test_a_network_that_keeps_values_outside_its_weights_is_not_exported(tmp_path: Path) -> None:
    (tmp_path / "net").write_bytes(b"an older file")
    with pytest.raises(UserError, match=r"by up to 0\.5.*registered buffers"):
        export(Rounding(), "safetensors", tmp_path / "net")
    assert (tmp_path / "net").read_bytes() == b"an older file"
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


class Counting(Net):
    """Adds the number of its calls, so the logits depend on earlier calls."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(images) + self.calls


@pytest.mark.parametrize("file_format", ["safetensors", "state-dict", "onnx"])
def test_a_network_whose_logits_depend_on_earlier_calls_is_not_exported(
    file_format: ExportFormat, tmp_path: Path
) -> None:
    """An exported program isn't among these, because it contains the counter and counts like the network."""
    net = Counting().eval()
    net(torch.zeros(2, 1, 28, 28))  # a call that the exported network hasn't seen
    with pytest.raises(UserError, match=r"by up to \d.*when it is called again") as caught:
        export(net, file_format, tmp_path / "net")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_largest_difference_is_relative_to_the_largest_logit(tmp_path: Path) -> None:
    class Offset(Net):
        offset = 0.0

        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images) * 0 + 100 + self.offset

    net = Offset()
    net.offset = 0.09
    assert export(net, "safetensors", tmp_path / "net") == pytest.approx(0.09, abs=1e-4)
    net.offset = 0.11
    with pytest.raises(UserError, match=r"by up to 0\.11, and at most 0\.1 "):
        export(net, "safetensors", tmp_path / "net")


def test_a_network_that_fails_on_larger_batches_is_explained(tmp_path: Path) -> None:
    class Small(Net):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images if len(images) < 9 else images.view(-1, 7))

    with pytest.raises(UserError, match=r"^Small fails on 1×28×28 images: .*784"):
        export(Small(), "state-dict", tmp_path / "net")


def test_logits_that_are_nan_in_both_networks_are_equal(tmp_path: Path) -> None:
    net = Net()
    nn.init.constant_(net.fc.weight, math.nan)
    assert export(net, "safetensors", tmp_path / "net") == 0

    class Healing(Net):
        def forward(self, images: Tensor) -> Tensor:
            logits = super().forward(images)
            return logits if hasattr(self, "trained") else logits.nan_to_num()

    healing = Healing()
    healing.load_state_dict(net.state_dict())
    healing.trained = True  # type: ignore[assignment]
    with pytest.raises(UserError, match="by up to nan"):
        export(healing, "safetensors", tmp_path / "net")


def test_a_cancelled_export_keeps_the_file(tmp_path: Path) -> None:
    (tmp_path / "net").write_bytes(b"an older file")
    with pytest.raises(Cancelled):
        export(Net(), "safetensors", tmp_path / "net", should_stop=lambda: True)
    assert (tmp_path / "net").read_bytes() == b"an older file"
    done: list[tuple[int, int]] = []
    export(Net(), "safetensors", tmp_path / "net", progress=lambda *pair: done.append(pair))
    assert done[-1] == (50, 50)
    assert [file.name for file in tmp_path.iterdir()] == ["net"]


def test_failed_export_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"can't write .*: the folder .*missing doesn't exist$"):
        export(Net(), "safetensors", tmp_path / "missing" / "net.safetensors")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="folder: it isn't a regular file"):
        export(Net(), "safetensors", tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "net.safetensors").symlink_to(tmp_path / "precious")
    export(Net(), "safetensors", tmp_path / "net.safetensors")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not (tmp_path / "net.safetensors").is_symlink()


def test_damaged_file_is_refused_in_one_line() -> None:
    content = safetensors.torch.save(contiguous_weights(Net()))
    with pytest.raises(UserError, match="not a valid safetensors file") as caught:
        read_weights(content[:-100])
    assert "\n" not in str(caught.value)


def test_an_operation_that_onnx_lacks_is_named(tmp_path: Path) -> None:
    class Bessel(Net):
        def forward(self, images: Tensor) -> Tensor:
            logits: Tensor = torch.special.bessel_j0(super().forward(images))
            return logits

    with pytest.raises(UserError, match=r"Bessel can't be exported as onnx: .*bessel_j0.*exported-program") as caught:
        export(Bessel(), "onnx", tmp_path / "net.onnx")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UserError, match=r"onnxscript.*pip install 'fashion-tui\[onnx\]'"):
        export(Net(), "onnx", tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []
