"""Networks built by name, from files and from source, and the errors of the user's code."""

import sys
from pathlib import Path

import msgspec
import pytest
import torch

from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.networks.build import build_network, build_trainable, load_model, open_model
from fashion_tui.lab.networks.custom import SourceError, WrongArguments
from fashion_tui.lab.rng import seed_everything
from fashion_tui.lab.trace import trace
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.models import CustomModel, LocalModules, NamedModel
from tests.custom_models import DROPOUT_NET, custom_model

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width=8, *, out=10):
        super().__init__()
        self.fc = nn.Linear(width, out)

    def forward(self, x):
        return self.fc(x)

class TwoArguments(Net):
    def __init__(self, width, depth):
        super().__init__(width)

class Failing(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(-1, 2)

class NeedsValues(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.scale = self.fc.weight.sum().item()

class Plain:
    pass

def build(width=4):
    return Net(width)

def not_a_network():
    return 3

def uninitialised():
    class Uninitialised(nn.Module):
        def __init__(self):
            self.width = 3
    return Uninitialised()

ready = Net(5)
number = 7
"""

TWO = """
from torch import nn

class First(nn.Module):
    def __init__(self, width):
        super().__init__()

class Second(nn.Linear):
    def __init__(self, width=3):
        super().__init__(width, 2)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(NET)
    return path


class TestByName:
    def test_built_in(self) -> None:
        assert isinstance(load_model("guide"), GuideNet)

    def test_arguments_replace_those_of_a_built_in_network(self) -> None:
        model = load_model("wide", {"channels": 8}, device="meta")
        assert model.get_parameter("fc.weight").shape == (10, 64)

    def test_torchvision(self) -> None:
        model = load_model("torchvision:resnet18", device="meta")
        assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
        assert sum(parameter.numel() for parameter in model.parameters()) == 11_689_512
        smaller = load_model("torchvision:resnet18", {"num_classes": 10}, device="meta")
        assert trace(smaller, (3, 32, 32)).outputs == ((10,),)

    def test_class_in_a_file(self, file: Path) -> None:
        model = load_model(f"{file}:Net", {"width": 32, "out": 3})
        assert trace(model, (32,)).outputs == ((3,),)

    def test_function_or_instance_in_a_file(self, file: Path) -> None:
        assert trace(load_model(f"{file}:build"), (4,)).total_params == 50
        assert trace(load_model(f"{file}:ready"), (5,)).total_params == 60

    def test_edited_file_is_read_again(self, file: Path) -> None:
        load_model(f"{file}:Net")
        file.write_text(NET.replace("out=10", "out=11"))
        assert trace(load_model(f"{file}:Net"), (8,)).outputs == ((11,),)
        assert not list(file.parent.glob("__pycache__"))

    def test_file_that_imports_another_in_its_folder(self, file: Path) -> None:
        path = file.parent / "mine.py"
        path.write_text("import net\nclass Mine(net.Net): pass\n")
        before = list(sys.path), sys.dont_write_bytecode
        for out in (10, 11):
            file.write_text(NET.replace("out=10", f"out={out}"))
            assert trace(load_model(str(path)), (8,)).outputs == ((out,),)
        assert (sys.path, sys.dont_write_bytecode) == before
        assert "net" not in sys.modules
        assert sorted(entry.name for entry in file.parent.iterdir()) == ["mine.py", "net.py"]

    def test_constructor_that_needs_values_runs_on_the_cpu(self, file: Path) -> None:
        model = load_model(f"{file}:NeedsValues", device="meta")
        assert next(model.parameters()).device.type == "cpu"

    @pytest.mark.parametrize(
        ("name", "arguments", "kind", "words"),
        [
            ("nosuch", {}, UsageError, "unknown model 'nosuch'; choose from guide, "),
            ("torchvision:nosuch", {}, UsageError, "torchvision model 'nosuch'"),
            ("torchvision:resnet18", {"weights": "DEFAULT"}, UsageError, "pretrained weights"),
            ("torchvision:resnet18", {"num_classes": "ten"}, UserError, "can't create torchvision:resnet18"),
            ("guide", {"width": 3}, UsageError, "guide doesn't take width; it takes image_shape, classes"),
            ("{file}", {}, UsageError, "net.py defines Net, TwoArguments, Failing, NeedsValues; choose one"),
            ("missing.py:Net", {}, UserError, "can't read missing.py: No such file"),
            ("{file}:Nothing", {}, UsageError, "no network 'Nothing'; it defines Net, TwoArguments, Failing"),
            ("{file}:nn", {}, UsageError, "no network 'nn'"),
            ("{file}:TwoArguments", {"depth": 2}, UsageError, """needs width; add --args '{"width": …}'"""),
            ("{file}:Net", {"depth": 2}, UsageError, "doesn't take depth; it takes width, out"),
            ("{file}:Failing", {}, UserError, "net.py:19: can't create Failing: RuntimeError: "),
            ("{file}:Plain", {}, UserError, "Plain isn't derived from nn.Module"),
            ("{file}:number", {}, UserError, "number is an instance of int, not a class derived from nn.Module"),
            ("{file}:not_a_network", {}, UserError, "not_a_network returned an instance of int"),
            ("{file}:uninitialised", {}, UserError, "Uninitialised.__init__ doesn't call super().__init__()"),
        ],
    )
    def test_errors(
        self, file: Path, name: str, arguments: dict[str, object], kind: type[UserError], words: str
    ) -> None:
        with pytest.raises(UserError) as caught:
            load_model(name.replace("{file}", str(file)), arguments)
        assert caught.value.exit_code == kind.exit_code
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("class Net(nn.Module:\n", "broken.py:1: invalid syntax"),
            ("x = 1\nimport nosuchmodule\n", "broken.py:2: ModuleNotFoundError: No module named 'nosuchmodule'"),
            ("def f():\n    return 1 / 0\n\nf()\n", "broken.py:2: ZeroDivisionError: division by zero"),
            ("import sys\nsys.exit('enough')\n", "broken.py:2: SystemExit: enough"),
            ("class Net:\n\tx = 1\n        y = 2\n", "broken.py:3: "),
            ("x = '\x00'\n", "null bytes"),
        ],
    )
    def test_file_that_fails(self, tmp_path: Path, source: str, words: str) -> None:
        path = tmp_path / "broken.py"
        path.write_text(source)
        with pytest.raises(UserError) as caught:
            load_model(f"{path}:Net")
        assert words in str(caught.value)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_file_that_is_not_utf_8(self, tmp_path: Path) -> None:
        path = tmp_path / "latin.py"
        path.write_bytes("# Müller\n".encode("latin-1"))
        with pytest.raises(UserError, match=r"latin\.py is not UTF-8"):
            load_model(str(path))


NONE = LocalModules()
"""A model without modules besides its own file."""


def custom(source: str, class_name: str | None, **options: object) -> CustomModel:
    return CustomModel(source=source, class_name=class_name, **options)  # type: ignore[arg-type]


class TestFromSource:
    def test_last_network_is_used_if_the_named_one_does_not_exist(self) -> None:
        with open_model(custom(TWO, "Renamed")) as (model, name):
            assert (type(model).__name__, name) == ("Second", "Second")
        with open_model(custom(TWO, "First", arguments={"width": 3})) as (_, name):
            assert name == "First"
        with (
            pytest.raises(UsageError, match="defines First, Second; choose one"),
            open_model(custom(TWO, None, exact=True)),
        ):
            pass
        with pytest.raises(UsageError, match="no network 'Renamed'"), open_model(custom(TWO, "Renamed", exact=True)):
            pass

    @pytest.mark.parametrize(
        ("source", "line", "words"),
        [
            ("class Net(nn.Module:\n", 1, "invalid syntax"),
            ("x = 1\nimport nosuchmodule\n", 2, "ModuleNotFoundError: No module named 'nosuchmodule'"),
            ("import torch\n", None, "no class is derived from nn.Module"),
            (TWO.replace("super().__init__(width, 2)", "1 / 0"), 10, "can't create Second: ZeroDivisionError"),
        ],
    )
    def test_errors_have_a_line(self, source: str, line: int | None, words: str) -> None:
        with pytest.raises(SourceError) as caught, open_model(custom(source, None)):
            pass
        assert caught.value.line == line
        assert caught.value.message.startswith(words)

    @pytest.mark.parametrize(
        ("layer", "hint"),
        [
            ("nn.ReLU", "; write nn.ReLU()"),
            ("nn.Linear", "; write nn.Linear(…)"),
            ("Own", "; write Own()"),
            ("int", "is not a Module subclass"),
        ],
    )
    def test_a_class_instead_of_a_layer(self, layer: str, hint: str) -> None:
        source = (
            f"from torch import nn\n\nclass Own(nn.Module): pass\n\nnet = nn.Sequential(nn.Linear(4, 4),\n{layer})\n"
        )
        with pytest.raises(SourceError) as caught, open_model(custom(source, "net")):
            pass
        assert hint in caught.value.message
        assert ("write" in caught.value.message) == hint.startswith("; write")
        assert caught.value.line in {5, 6}

    def test_source_without_a_network_is_an_error(self) -> None:
        with (
            pytest.raises(SourceError, match=r"no class is derived from nn\.Module"),
            open_model(custom("import torch\n", None, exact=True)),
        ):
            pass

    def test_missing_arguments_have_the_line_that_declares_them(self) -> None:
        with pytest.raises(WrongArguments) as caught, open_model(custom(TWO, "First")):
            pass
        assert (caught.value.message, caught.value.line) == ("First needs width", 5)

    def test_modules_in_the_folder_of_the_file_can_be_imported(self, tmp_path: Path) -> None:
        (tmp_path / "beside.py").write_text("WIDTH = 5\n")
        source = "from torch import nn\nfrom beside import WIDTH\nclass Net(nn.Linear):\n    def __init__(self):\n"
        source += "        super().__init__(WIDTH, 2)\n"
        saved = custom(source, None, file=str(tmp_path / "unsaved.py"))
        with open_model(saved) as (model, _):
            assert model.in_features == 5
        with pytest.raises(UserError, match="beside"), open_model(custom(source, None)):
            pass
        with pytest.raises(UserError, match="beside"), open_model(msgspec.structs.replace(saved, modules=NONE)):
            pass

    def test_relative_imports_of_a_file_in_a_package(self, tmp_path: Path) -> None:
        folder = tmp_path / "project" / "models"
        folder.mkdir(parents=True)
        (tmp_path / "project" / "__init__.py").write_text("DEPTH = 2\n")
        (folder / "__init__.py").write_text("")
        (tmp_path / "project" / "sizes.py").write_text("WIDTH = 5\n")
        (folder / "blocks.py").write_text("from torch import nn\nfrom ..sizes import WIDTH\n"
                                          "class Block(nn.Linear):\n    pass\n")  # fmt: skip
        source = "from .. import DEPTH\nfrom .blocks import Block, WIDTH\nclass Net(Block):\n    def __init__(self):\n"
        source += "        super().__init__(WIDTH, DEPTH)\n"
        network = custom(source, None, file=str(folder / "net.py"))
        with open_model(network) as (model, name):
            assert name == "Net"
            assert model.in_features == 5
            assert model.out_features == 2
        (tmp_path / "project" / "sizes.py").write_text("WIDTH = 77\n")  # the next import reads the change
        with open_model(network) as (model, _):
            assert model.in_features == 77
        assert not [module for module in sys.modules if module.startswith("project")]

    def test_relative_imports_of_a_file_in_a_plain_folder(self, tmp_path: Path) -> None:
        (tmp_path / "sizes.py").write_text("WIDTH = 5\n")
        source = "from torch import nn\nfrom .sizes import WIDTH\nclass Net(nn.Linear):\n    def __init__(self):\n"
        network = custom(source + "        super().__init__(WIDTH, 2)\n", None, file=str(tmp_path / "net.py"))
        with open_model(network) as (model, _):
            assert model.in_features == 5

    def test_an_error_in_a_package_names_its_file(self, tmp_path: Path) -> None:
        (tmp_path / "__init__.py").write_text("x = 1\nraise ValueError('no such size')\n")
        network = custom("from . import x\n", None, file=str(tmp_path / "net.py"))
        with pytest.raises(UserError, match=r"__init__\.py:2: ValueError: no such size"), open_model(network):
            pass


def returning(expression: str, statement: str = "") -> CustomModel:
    """Return a custom model whose `forward` returns the expression and whose constructor ends with the statement."""
    source = f"import torch\nfrom torch import nn\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.layer = nn.Linear(784, 10)\n        {statement}\n\n    def forward(self, x):\n        return {expression}\n"  # noqa: E501
    return custom_model(source)


class TestTrainable:
    def test_weights_depend_on_the_seed_alone(self) -> None:
        """The trial on two images before training changes neither weights nor buffers."""
        states = []
        for _ in range(2):
            seed_everything(3)
            built = build_trainable(custom_model(width=8))
            states.append(built.network.state_dict())
        assert built.name == "Net"
        assert states[0]["body.1.weight"].shape == (8, 784)
        assert torch.equal(states[0]["body.1.weight"], states[1]["body.1.weight"])
        assert states[0]["body.2.num_batches_tracked"] == 0
        assert torch.equal(states[0]["body.2.running_var"], torch.ones(8))
        assert built.network.training
        assert built.unsavable == ()

    def test_convolutions_are_channels_last(self) -> None:
        source = "from torch import nn\nnet = nn.Sequential(nn.Conv2d(1, 4, 28), nn.Conv2d(4, 10, 1), nn.Flatten())\n"
        model = build_network(GUIDE, custom_model(source, "net"))
        assert next(iter(model.parameters())).is_contiguous(memory_format=torch.channels_last)

    def test_lazy_layers_are_initialised(self) -> None:
        source = DROPOUT_NET.replace("nn.Linear(784, width)", "nn.LazyLinear(width)")
        assert build_trainable(custom_model(source)).network.state_dict()["body.1.weight"].shape == (16, 784)

    @pytest.mark.parametrize(
        ("network", "words"),
        [
            (returning("self.layer(x.flatten(1))[:, :9]"), r"returns float32 \[2, 9\] for 2 images"),
            (returning("self.layer(x.flatten(1)).mean(0)"), r"returns float32 \[10\] for 2 images"),
            (returning("self.layer(x.flatten(1)).argmax(1)"), r"returns int64 \[2\] for 2 images"),
            (
                returning("(self.layer(x.flatten(1)), x) if self.training else self.layer(x.flatten(1))"),
                "returns an instance of tuple",
            ),
            (returning("self.layer(x)"), r"Net fails on 1×28×28 images: layer expects"),
            (returning("exit()"), "SystemExit"),
            (returning("self.layer(x.flatten(1))", "self.requires_grad_(False)"), "no trainable weights"),
            (returning("self.missing(x)"), r"net\.py:11: Net fails .* has no attribute 'missing'"),
            (custom_model("import blocks\n"), r"net\.py:1: ModuleNotFoundError"),
            (custom_model("class Net:\n  pass"), "isn't derived from nn.Module"),
        ],
    )
    def test_networks_that_cannot_be_trained_are_refused_in_one_line(
        self, network: CustomModel, words: str, tmp_path: Path
    ) -> None:
        (tmp_path / "blocks.py").touch()
        named = CustomModel(source=network.source, class_name="Net", file=str(tmp_path / "net.py"), modules=NONE)
        with pytest.raises(UserError, match=words) as refused:
            build_network(GUIDE, named)
        assert "\n" not in str(refused.value)

    def test_class_name_must_match(self) -> None:
        with pytest.raises(UsageError, match="no network 'Nett'"):
            build_trainable(custom_model(name="Nett"))


def test_named_model_is_opened_with_its_name() -> None:
    with open_model(NamedModel(model="guide"), device="meta") as (model, name):
        assert (type(model), name) == (GuideNet, "guide")
