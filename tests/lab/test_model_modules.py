"""Models in several files: which files belong to a model, and that models don't see each other's modules."""

import os
import random
import sys
import tabnanny
import threading
from pathlib import Path

import pytest
import torch
from torch import nn

from fashion_tui.lab.networks.build import build_trainable, open_model
from fashion_tui.lab.networks.custom import MODULE_PREFIX, SourceError
from fashion_tui.lab.networks.extra_state import ExtraState
from fashion_tui.lab.networks.imports import with_modules
from fashion_tui.lab.networks.modules import MAX_IDLE
from fashion_tui.lab.trace import trace
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import MAX_MODULES, MAX_SOURCE_BYTES, CustomModel, LocalModules, ModelFile

NET = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, {size}), nn.Linear({size}, 10))
"""


def write(folder: Path, **files: str) -> None:
    """Write Python files. Two underscores in a name separate folders, and `init` is `__init__`."""
    for name, content in files.items():
        *folders, stem = name.split("__")
        path = folder.joinpath(*folders, f"{'__init__' if stem == 'init' else stem}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def model(file: Path) -> CustomModel:
    return ModelFile(path=file, class_name="Net").read({})


def modules(file: Path) -> LocalModules:
    found = with_modules(model(file)).modules
    assert found is not None
    return found


def outputs_of_first_layer(network: nn.Module) -> int:
    return next(network.parameters()).shape[0]


class TestWhichFiles:
    """The files are found without executing them."""

    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            ("import blocks", ["blocks.py"]),
            ("from blocks import *", ["blocks.py"]),
            ("from .blocks import Block", ["blocks.py"]),
            ("from . import blocks, other", ["blocks.py", "other.py"]),
            ("import sub.deep.leaf as leaf", ["sub/__init__.py", "sub/deep/leaf.py", "other.py"]),
            ("from sub import part", ["sub/__init__.py", "sub/part.py", "other.py"]),
            ("from sub import *", ["sub/__init__.py", "sub/exported.py", "other.py"]),
            ("from plain import inside", ["plain/inside.py"]),
            ("import chain", ["chain.py", "blocks.py"]),
            ("def f():\n    import blocks", ["blocks.py"]),
            ("try:\n    import blocks\nexcept ImportError:\n    import other", ["blocks.py", "other.py"]),
            ("if False:\n    import blocks", ["blocks.py"]),
            ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import blocks", []),
            ("import typing\nif typing.TYPE_CHECKING:\n    import blocks\nelse:\n    import other", ["other.py"]),
            ("__import__('blocks')", ["blocks.py"]),
            ("import importlib\nimportlib.import_module('.blocks', __package__)", ["blocks.py"]),
            ("import random", ["random.py"]),
            ("import sys, torch, nosuch, from_elsewhere", []),
            ("import circle", ["circle.py"]),
            (f"x = {'+'.join('1' * 1500)}\nimport blocks", ["blocks.py"]),
        ],
    )
    def test_imports(self, tmp_path: Path, statement: str, expected: list[str]) -> None:
        unused = "raise SystemExit('executed')\n"
        package = "from .. import other\n__all__ = ['exported']\nraise SystemExit"
        write(tmp_path, net=statement, chain="from blocks import x", circle="import net\nimport circle")
        write(tmp_path, blocks=unused, other=unused, random=unused, sys=unused, plain__inside=unused)
        write(tmp_path, sub__init=package, sub__part=unused, sub__exported=unused, sub__deep__leaf=unused)
        found = modules(tmp_path / "net.py")
        assert sorted(found.sources) == sorted(expected)
        assert found.main == "net.py"
        for path, source in found.sources.items():
            assert source == (tmp_path / path).read_text()

    def test_files_of_a_package(self, tmp_path: Path) -> None:
        """A file that imports from its package belongs to it; another file is a script in its folder."""
        write(tmp_path, project__init="", project__sizes="", project__models__init="from .net import Net",
              project__models__blocks="from project.sizes import WIDTH", project__models__net="from .blocks import x",
              project__models__script="import blocks", unrelated="")  # fmt: skip
        models = tmp_path / "project" / "models"
        found = modules(models / "net.py")
        assert found.main == "project/models/net.py"
        assert sorted(found.sources) == [
            "project/__init__.py", "project/models/__init__.py", "project/models/blocks.py", "project/sizes.py",
        ]  # fmt: skip
        assert found.folder == str(tmp_path)
        script = modules(models / "script.py")
        assert (script.main, sorted(script.sources), script.folder) == ("script.py", ["blocks.py"], str(models))

    def test_packages_are_named_as_they_are_installed(self, tmp_path: Path) -> None:
        write(tmp_path, net="import blocks, PIL.Image, torch, os\ntry:\n    import nosuch\nexcept ImportError: pass",
              blocks="from numpy import array")  # fmt: skip
        assert modules(tmp_path / "net.py").packages == ("nosuch", "numpy", "pillow")

    def test_links_are_followed(self, tmp_path: Path) -> None:
        write(tmp_path, outside="WIDTH = 3", project__net="import blocks")
        (tmp_path / "project" / "blocks.py").symlink_to(tmp_path / "outside.py")
        assert modules(tmp_path / "project" / "net.py").sources == {"blocks.py": "WIDTH = 3"}

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"x = 1\ndef f(:\n", r"blocks\.py:2: invalid syntax"),
            ("# Müller\n".encode("latin-1"), r"blocks\.py is not UTF-8"),
            (b"#" * (MAX_SOURCE_BYTES + 1), r"can't read .*blocks\.py: .*1,048,576 bytes"),
            (b"x = '\x00'\n", r"blocks\.py.*null bytes"),
            (b"import " + b", ".join(b"m%d" % number for number in range(MAX_MODULES)), "at most 256 modules"),
            (b"x = " + b"(" * 5000 + b")" * 5000, r"blocks\.py"),
            (b"from deep import *", r"deep.__init__\.py"),
        ],
    )
    def test_a_file_that_cannot_be_stored_is_an_error_in_one_line(
        self, tmp_path: Path, content: bytes, words: str
    ) -> None:
        write(tmp_path, net="def f():\n    import blocks", **{f"m{number}": "" for number in range(MAX_MODULES)})
        write(tmp_path, deep__init=f"x = 1{' + 1' * 5000}")
        (tmp_path / "blocks.py").write_bytes(content)
        with pytest.raises(UserError, match=words) as refused:
            modules(tmp_path / "net.py")
        assert "\n" not in str(refused.value)

    def test_a_model_without_a_file_has_no_modules(self) -> None:
        assert with_modules(CustomModel(source="import blocks", class_name="Net")).modules == LocalModules()


class TestSeparation:
    def test_models_with_different_files_of_the_same_name(self, tmp_path: Path) -> None:
        """Both are used alternately; `forward` imports the file again, even after the folders are gone."""
        networks = []
        for size in (3, 5):
            folder = tmp_path / str(size)
            write(folder, blocks=f"SIZE = {size}", random=f"def choice(): return {size}",
                  net="from torch import nn\nimport blocks, random\nclass Net(nn.Linear):\n"
                  "    def __init__(self):\n        super().__init__(random.choice(), blocks.SIZE)\n"
                  "    def forward(self, x):\n        from late import SIZE\n"
                  "        return super().forward(x) * 0 + SIZE\n",
                  late=f"from blocks import SIZE\nassert SIZE == {size}")  # fmt: skip
            with open_model(with_modules(model(folder / "net.py"))) as (network, _):
                networks.append(network)
            for file in folder.iterdir():
                file.unlink()
        for _ in range(2):
            for network, size in zip(networks, (3, 5), strict=True):
                assert (network(torch.zeros(1, size)) == size).all()
        assert not {"blocks", "late"} & sys.modules.keys()
        assert sys.modules["random"] is random
        assert random.choice([1]) == 1

    def test_a_module_beside_the_file_hides_an_installed_one(self, tmp_path: Path) -> None:
        """This is as in a script. A folder without `__init__.py` doesn't hide an installed package, and modules outside
        the model import the installed one."""
        source = "import tabnanny\nfrom torch import nn\nclass Net(nn.Linear):\n    def __init__(self):\n"
        source += "        super().__init__(getattr(tabnanny, 'SIZE', 1), 2)\n"
        write(tmp_path, net=source, tabnanny__part="")
        with open_model(model(tmp_path / "net.py")) as (network, _):
            assert network.in_features == 1
        write(tmp_path, tabnanny="SIZE = 7")
        for each in (model(tmp_path / "net.py"), with_modules(model(tmp_path / "net.py"))):
            with open_model(each) as (network, _):
                assert network.in_features == 7
        assert sys.modules["tabnanny"] is tabnanny

    def test_models_built_in_several_threads(self, tmp_path: Path) -> None:
        wrong: list[object] = []
        for size in (2, 3, 4):
            write(tmp_path / str(size), blocks=f"import time\ntime.sleep(0.001)\nSIZE = {size}",
                  net=f"from blocks import SIZE\n{NET.format(size='SIZE')}")  # fmt: skip

        def build(size: int) -> None:
            try:
                for _ in range(10):
                    with open_model(model(tmp_path / str(size) / "net.py")) as (network, _):
                        assert outputs_of_first_layer(network) == size
            except BaseException as error:  # noqa: BLE001 - shown by the assertion below
                wrong.append(error)

        threads = [threading.Thread(target=build, args=(size,)) for size in (2, 3, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong

    def test_old_models_are_unloaded_but_work(self, tmp_path: Path) -> None:
        write(tmp_path, late="def double(x): return x * 2", net="from torch import nn\nclass Net(nn.Module):\n"
              "    def forward(self, x):\n        import late\n        return late.double(x)\n")  # fmt: skip
        networks = []
        for _ in range(MAX_IDLE + 4):
            with open_model(with_modules(model(tmp_path / "net.py"))) as (network, _):
                networks.append(network)
        packages = {name for name in sys.modules if name.startswith(MODULE_PREFIX) and "." not in name}
        assert len(packages) <= MAX_IDLE + 1
        assert networks[0](torch.ones(())) == 2


class TestErrors:
    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("import gone", r"net\.py:1: ModuleNotFoundError: No module named 'gone'; it is neither in the folder"),
            ("from .gone import x", r"net\.py:1: ModuleNotFoundError: No module named 'gone'; it is neither"),
            ("from . import gone", r"net\.py:1: ImportError: cannot import name 'gone' from 'the model's folder'"),
            ("from ..gone import x", r"net\.py:1: ImportError: .*beyond top-level package; a package begins at"),
            ("import failing", r"failing\.py:2: ZeroDivisionError"),
            ("import circle_a", r"circle_b\.py:1: ImportError: cannot import name 'x' from partially .* 'circle_a'"),
            ("import wrong", r"wrong\.py:1: invalid syntax"),
        ],
    )
    def test_an_error_names_the_file_and_the_line(self, tmp_path: Path, source: str, words: str) -> None:
        write(tmp_path, net=source, failing="x = 1\n1 / 0", wrong="def", circle_b="from circle_a import x",
              circle_a="import circle_b\nx = 1")  # fmt: skip
        with pytest.raises(SourceError, match=words) as raised, open_model(model(tmp_path / "net.py")):
            pass
        assert "\n" not in str(raised.value)
        assert MODULE_PREFIX not in str(raised.value)

    def test_an_import_that_may_fail(self, tmp_path: Path) -> None:
        guarded = "try:\n    import gone\nexcept ImportError:\n    import blocks\n"
        write(tmp_path, net=guarded + NET.format(size="blocks.SIZE"), blocks="SIZE = 6")
        with open_model(with_modules(model(tmp_path / "net.py"))) as (network, _):
            assert outputs_of_first_layer(network) == 6

    def test_an_error_in_forward_has_the_line_of_the_other_file(self, tmp_path: Path) -> None:
        write(tmp_path, blocks="from torch import nn\nclass Net(nn.Flatten):\n    def forward(self, x):\n"
              "        import late\n", late="x = 1\nraise ValueError('no')", net="from blocks import Net")  # fmt: skip
        with open_model(model(tmp_path / "net.py")) as (network, _):
            table = trace(network, (1, 28, 28))
        assert (Path(str(table.error_file)).name, table.error_line) == ("late.py", 2)


def test_state_in_modules_is_saved_and_loaded(tmp_path: Path) -> None:
    """Class attributes and global variables of a second file, and of a file that `forward` imports."""
    write(tmp_path, net="from blocks import Net", blocks="from torch import nn\nclass Net(nn.Module):\n"
          "    calls = 0\n    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(784, 10)\n"
          "    def forward(self, x):\n        import late\n        type(self).calls += 1\n        late.count()\n"
          "        return self.fc(x.flatten(1)) * type(self).calls + late.total\n",
          late="total = 0\ndef count():\n    global total\n    total += 10\n")  # fmt: skip
    custom = with_modules(model(tmp_path / "net.py"))
    first = build_trainable(custom)
    assert first.unsavable == ()
    state = ExtraState(first.network)
    x = torch.ones(2, 1, 28, 28)
    for _ in range(3):
        first.network(x)
    snapshot = state.capture()
    assert state.unsavable(snapshot) == ()
    saved = state.save(snapshot)
    second = build_trainable(custom).network
    ExtraState(second).load(first.network.state_dict(), saved)
    expected = first.network(x)
    assert torch.equal(second(x), expected)
    assert torch.equal(expected, first.network.get_submodule("fc")(x.flatten(1)) * 4 + 40)


def test_nothing_is_written_beside_the_files(tmp_path: Path) -> None:
    write(tmp_path, net=f"import blocks\n{NET.format(size=4)}", blocks="")
    with open_model(model(tmp_path / "net.py")):
        pass
    assert sorted(os.listdir(tmp_path)) == ["blocks.py", "net.py"]  # noqa: PTH208
