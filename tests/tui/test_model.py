"""The Model pane: the shape table, the details of a row, and the editor that checks shapes while typing."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from textual.events import Key
from textual.geometry import Region
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input

from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.lab.networks import GuideNet
from fashion_tui.schema.dataset import DatasetInfo, DatasetRef
from fashion_tui.schema.inputs import InputSpec
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.replies import SourceTrace
from fashion_tui.schema.requests import PrepareDataset
from fashion_tui.schema.shapes import ShapeTable
from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.dialogs.choice import ChoiceDialog
from fashion_tui.tui.dialogs.dialog import ConfirmDialog
from fashion_tui.tui.dialogs.save import SaveDialog
from fashion_tui.tui.lab_app import DatasetState, LabApp, Settings
from fashion_tui.tui.model import editing, editor, tracing
from fashion_tui.tui.model.comparison_view import ComparisonView
from fashion_tui.tui.model.editor import CodeEditor
from fashion_tui.tui.model.feature_maps import FeatureMapsView
from fashion_tui.tui.model.network import ShownNetwork, trace_shapes
from fashion_tui.tui.model.network_form import NetworkForm, read_network
from fashion_tui.tui.model.pane import ModelPane
from fashion_tui.tui.model.row_details import RowDetails
from fashion_tui.tui.model.shape_view import ShapeView
from fashion_tui.tui.model.tracing import Traced
from fashion_tui.tui.widgets.image_tiles import ImageTiles
from tests.dataset_infos import info_for
from tests.tui.pilots import screen_text, until
from tests.tui.shared_engines import create_app

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]

Size = tuple[int, int]

NET = """
from torch import nn
from blocks import block
from fashion_tui.data.sources import SYNTHETIC


class Net(nn.Sequential):
    def __init__(self, width: int, depth: int = 1):
        super().__init__(nn.Conv2d(1, width, 3), *(block(width) for _ in range(depth)), nn.Flatten())


class Other(nn.Module):
    def forward(self, x):
        return x


plain = 3
"""


CONSTRUCTOR = "        super().__init__()\n"
WIDE = "        self.wide = nn.Linear(1500, 1500)\n"
"""Weights of 9 MB. The live answer is on real values only if the weights are at most 4 MB."""


@pytest.fixture(autouse=True)
def _patient_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each check of edited code 30 s, because a busy machine may take longer than the app's 2 s."""
    monkeypatch.setattr(editing, "EDIT_TIME_LIMIT", 30.0)


class ModelTest:
    """The app on its Model pane, with helpers for the tests."""

    def __init__(self, app: FashionApp, pilot: Pilot[None], traced: list[Traced]) -> None:
        self.app = app
        self.pilot = pilot
        self.pane = app.query_one(ModelPane)
        self.traced = traced
        """The answers that the pane has got."""

    @property
    def screen(self) -> str:
        return screen_text(self.app)

    def answers(self) -> list[SourceTrace]:
        """Return the traces of the source in the editor."""
        models = [(message, message.network.model) for message in self.traced]
        return [
            message.trace
            for message, model in models
            if isinstance(model, CustomModel) and model.source == self.editor.text
        ]

    @property
    def editor(self) -> CodeEditor:
        return self.pane.query_one(CodeEditor)

    @property
    def table(self) -> ShapeTable:
        table = self.pane.query_one(ShapeView).table
        assert table is not None
        return table

    @property
    def outputs(self) -> list[str]:
        """The output shapes of the table's rows, for example `20×14×14`."""
        if self.pane.query_one(ShapeView).table is None:
            return []
        return ["×".join(map(str, shape)) for row in self.table.rows for shape in row.outputs]

    @property
    def messages(self) -> str:
        """The texts of all errors, hints and notifications, each joined to one line."""
        widgets = self.app.screen.query("#check-result, ErrorLine, .hint, Toast")
        texts = (
            " ".join(strip.text for strip in widget.render_lines(Region(0, 0, *widget.outer_size)))
            for widget in widgets
        )
        return "\n".join(re.sub(r"[▌\s]+", " ", text) for text in texts)

    async def until(self, *texts: str) -> None:
        await until(
            self.pilot,
            lambda: all(text in self.screen or text in self.messages for text in texts),
            " and ".join(texts),
        )

    async def undo_until(self, text: str) -> None:
        """Undo until the editor contains the text. One undo reverts everything that was typed without a pause."""
        for _ in range(40):
            if text in self.editor.text:
                return
            await self.pilot.press("ctrl+z")
        raise AssertionError(f"{text!r} was not restored: {self.editor.text}")

    async def edit(self) -> None:
        await self.pilot.press("i")
        await until(self.pilot, lambda: self.app.focused is self.editor and self.editor.text, "the editor")
        await self.until("✓")

    async def replace(self, old: str, new: str) -> int:
        """Replace a string by typing. Return its line number, from 1."""
        before = self.editor.text[: self.editor.text.index(old)]
        row, column = before.count("\n"), len(before) - (before.rfind("\n") + 1)
        self.editor.selection = type(self.editor.selection)((row, column), (row, column + len(old)))
        if new:
            await self.pilot.press(*("space" if char == " " else "enter" if char == "\n" else char for char in new))
        else:
            await self.pilot.press("delete")
        return row + 1

    def paste(self, source: str) -> None:
        """Replace the whole source in one edit."""
        self.editor.replace(source, (0, 0), self.editor.document.end)


@asynccontextmanager
async def model_pane(runs: Path, size: Size = (120, 40)) -> AsyncIterator[ModelTest]:
    app = create_app(Settings(runs, dataset="synthetic"))
    traced: list[Traced] = []

    def keep(message: Message) -> None:
        if isinstance(message, Traced) and message not in traced:
            traced.append(message)

    async with app.run_test(size=size, notifications=True, message_hook=keep) as pilot:
        await pilot.press("f4")
        await until(pilot, lambda: app.query(ModelPane), "the pane")
        lab = ModelTest(app, pilot, traced)
        await until(pilot, lambda: len(lab.outputs) == 10, "the table")
        await until(pilot, lambda: "fc2" in lab.screen, "the rows")
        yield lab


async def test_details_of_the_row_under_the_cursor(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        await lab.pilot.press("down", "down", "down")
        await lab.until(
            "(14 − 5 + 2·2) / 1 + 1 = 14", "weight 20×12×5×5 = 6,000, bias 20", "(20·14·14) · (12·5·5)", "73.1 %"
        )
        await lab.until("6,000 values", "20 values", "−0.0577")
        await lab.pilot.press("down", "down", "down")
        await lab.until("20·7·7 = 980")
        assert "6,000 values" not in lab.screen
        await lab.pilot.press("b")
        await until(lab.pilot, lambda: lab.table.timed_on, "the times")
        await lab.until("forward", "backward", "ms")
        assert all(row.forward_seconds for row in lab.table.rows)


async def test_keys_typed_before_the_source_has_arrived_go_to_the_editor(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        for key in ("i", *"cabin"):  # as a command, `a` opens a dialog
            lab.app.post_message(Key(key, key))
        await until(lab.pilot, lambda: lab.editor.text.startswith("cabin"), "the text")
        assert lab.app.focused is lab.editor


async def test_edit_that_breaks_a_layer_and_edit_that_fixes_it(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        await lab.edit()
        good = lab.outputs
        await lab.replace("out_channels=20", "out_channels=10")
        line = next(i for i, text in enumerate(lab.editor.document.lines, start=1) if "self.fc1(x)" in text)
        await lab.until(f"line {line}: fc1 expects 980 features, got 490: flatten", "10×7×7 ─ flatten ─ 490")
        assert lab.editor.error_line == line
        await until(lab.pilot, lambda: lab.table.rows[-1].failed, "the rows up to the error")
        assert lab.outputs == [output.replace("20×", "10×").replace("980", "490") for output in good[:7]]
        assert not lab.pane.trace_view.has_class("-outdated")
        await lab.replace("20 * (height // 4)", "10 * (height // 4)")
        await until(lab.pilot, lambda: "10×14×14" in lab.outputs, "the new table")
        await lab.until("✓ 1×28×28 → 10", "103,532 parameters")
        await until(lab.pilot, lambda: lab.editor.error_line is None, "no mark")
        assert not lab.pane.trace_view.has_class("-outdated")
        assert lab.outputs[3] == "10×14×14"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("def forward(", "def forward((", "line {line}: "),
        (
            "nn.Linear(in_features=200",
            "nn.Lnear(in_features=200",
            "line {line}: can't create GuideNet: AttributeError",
        ),
        ("x = x.flatten(start_dim=1)", "x = x.flat()", "line {line}: AttributeError"),
        (
            "def __init__(self, image_shape",
            "def __init__(self, width, image_shape",
            "line {line}: GuideNet needs width",
        ),
        ("class GuideNet(nn.Module)", "class GuideNet", "GuideNet isn't derived from nn.Module"),
        (
            "in_channels=channels,",
            "in_channels=3,",
            "conv1 expects 3 channels, got 1: the network's input is [N, 1, 28, 28]",
        ),
    ],
)
async def test_error_is_shown_at_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        await lab.edit()
        good = lab.outputs
        line = await lab.replace(old, new)
        await lab.until("✕", message.format(line=line))
        if "{line}" in message:
            assert lab.editor.error_line == line
        fails_at_call = "flat" in new or "in_channels" in new
        assert lab.pane.trace_view.has_class("-outdated") == (not fails_at_call)
        assert lab.outputs == good or fails_at_call
        await lab.pilot.press("escape")
        await lab.pilot.press("z")
        await lab.until("✓ 1×28×28 → 10")


async def test_a_key_leads_to_an_error_below_the_visible_source(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs", (80, 24)) as lab:
        await lab.edit()
        lab.paste(
            lab.editor.text.replace(
                "        return ", "\n" * 50 + "        raise ValueError([*x.shape[1:]])\n        return "
            )
        )
        await lab.until("ValueError: [200]")
        line = lab.editor.error_line
        assert line is not None
        assert line > 50
        lab.editor.move_cursor((0, 0))
        await until(lab.pilot, lambda: lab.editor.scroll_offset.y == 0, "the first line")
        await lab.pilot.press("ctrl+l")
        await until(lab.pilot, lambda: lab.editor.cursor_location == (line - 1, 8), "the line with the error")
        await until(lab.pilot, lambda: "raise ValueError" in lab.screen, "the line on the screen")
        await lab.pilot.press("escape", "t")
        await until(lab.pilot, lambda: lab.app.focused is lab.editor, "the editor")
        assert "Toast" not in {type(widget).__name__ for widget in lab.app.screen.query("*")}, (
            "no notice covers the error"
        )


async def test_enter_applies_the_proposed_fix_and_undo_restores_the_source(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        await lab.edit()
        line = await lab.replace("out_features=200)", "out_features=64)")
        broken = lab.editor.text
        await lab.until("fc2 expects 200 features, got 64", "fix line", "in_features=64")
        assert "apply fix" not in lab.screen
        await lab.pilot.press("ctrl+l")
        await until(lab.pilot, lambda: "in_features=200" in lab.editor.selected_text, "the line to edit")
        await lab.until("apply fix")
        await lab.pilot.press("ctrl+c")
        assert lab.app.clipboard == lab.editor.selected_text
        await lab.pilot.press("enter")
        await lab.until("✓ 1×28×28 → 10")
        assert lab.editor.text == broken.replace("in_features=200", "in_features=64")
        await lab.pilot.press("ctrl+z")
        assert lab.editor.text == broken
        await lab.until("fc2 expects 200 features, got 64", "fix line")
        await lab.pilot.press("ctrl+l")
        await until(lab.pilot, lambda: "in_features=200" in lab.editor.selected_text, "the line to edit")
        await lab.pilot.press("space")
        assert lab.editor.text.replace(" ", "") == broken.replace(" ", ""), "another key withdraws the proposal"
        assert lab.editor.cursor_location[0] != line - 1
        await lab.until("fc2 expects 200 features, got 64", "fix line")
        await lab.pilot.press("ctrl+l")
        await until(lab.pilot, lambda: "in_features=200" in lab.editor.selected_text, "the line to edit")
        selected, selection = lab.editor.selected_text, lab.editor.selection
        await lab.pilot.click(CodeEditor, offset=(20, 1))
        assert not lab.editor.selected_text, "a click moves the cursor"
        lab.editor.selection = selection
        await lab.pilot.press("enter")
        assert selected not in lab.editor.text, "after a click, enter replaces what is selected by a line break"
        lab.paste(
            broken.replace("features=64", "features=200").replace(
                "        return ", "        logits = logits.flip(0)\n        return "
            )
        )
        await lab.until("✓ 1×28×28 → 10", "flip goes over the batch axis")


async def test_enter_waits_for_a_fix_that_is_still_being_searched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys are pressed while the editor shows the error, but the trace that finds the fix hasn't started."""
    searched = asyncio.Event()

    async def trace_late(
        lab_app: LabApp, network: ShownNetwork, time_limit: float, *, live: bool = False, measure: bool = False
    ) -> SourceTrace:
        if not live:
            await searched.wait()
        return await trace_shapes(lab_app, network, time_limit, live=live, measure=measure)

    monkeypatch.setattr(tracing, "trace_shapes", trace_late)
    async with model_pane(tmp_path / "runs") as lab:
        await lab.edit()
        await lab.replace("out_features=200)", "out_features=64)")
        broken = lab.editor.text
        await lab.until("fc2 expects 200 features, got 64", "looking for a fix")
        await lab.pilot.press("ctrl+l", "enter", "enter")
        assert lab.editor.text == broken
        searched.set()
        await until(lab.pilot, lambda: "in_features=200" in lab.editor.selected_text, "the line to edit")
        monkeypatch.setattr(editor, "CHECK_DELAY", 3600.0)
        await lab.pilot.press("enter")
        fixed = broken.replace("in_features=200", "in_features=64")
        assert lab.editor.text == fixed
        await until(lab.pilot, lambda: "checking" in lab.messages and "fix line" not in lab.messages, "no fix")
        await lab.pilot.press("ctrl+l", "enter")
        assert lab.editor.text == fixed, "the keys wait for the check of the fixed source"
        await lab.pilot.press("ctrl+z")
        await lab.until("fix line")


async def test_the_fix_is_not_cut_off_after_the_editor_is_closed(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        await lab.edit()
        await lab.replace("out_features=200)", "out_features=64)")
        await lab.until("fix line")
        await lab.pilot.press("escape", "escape")
        await lab.until("self.fc2 = nn.Linear(in_features=64, out_features=classes)")
        assert not lab.pane.editing


async def test_undo_revert_and_renaming_the_class(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        await lab.edit()
        original = lab.editor.text
        await lab.replace("out_features=200)", "out_features=64)")
        await lab.replace("in_features=200", "in_features=64")
        await until(lab.pilot, lambda: "64" in lab.outputs, "the smaller layer")
        assert "edited" in lab.screen
        await lab.undo_until("in_features=200")
        await lab.until("fc2 expects 200 features, got 64")
        await lab.pilot.press("escape", "z")
        await lab.until("✓ 1×28×28 → 10")
        assert lab.editor.text == original
        assert "edited" not in lab.screen
        await lab.pilot.press("i", "ctrl+z")
        await lab.until("fc2 expects 200 features, got 64")
        lab.paste(original.replace("GuideNet", "Renamed"))
        await lab.until("✓ 1×28×28 → 10", "Renamed  edited")


async def test_endless_loop_is_stopped_and_delays_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        await lab.edit()
        main = lab.app.engine
        await main.ask(PrepareDataset(ref=SYNTHETIC), DatasetInfo)
        source = lab.editor.text
        looping = tmp_path / "looping"
        loop = f"        open({str(looping)!r}, 'w')\n        while True: pass\n        x = x.flatten(start_dim=1)"
        with monkeypatch.context() as patched:
            patched.setattr(editing, "EDIT_TIME_LIMIT", 5.0)  # leaves the other engine time to answer on a slow machine
            lab.paste(source.replace("        x = x.flatten(start_dim=1)", loop))
            await until(lab.pilot, looping.exists, "the loop")
        await main.ask(PrepareDataset(ref=SYNTHETIC), DatasetInfo)
        assert "stopped" not in lab.screen
        await lab.until("stopped after 5 s")
        assert lab.pane.trace_view.shapes.table is not None
        assert lab.pane.trace_view.shapes.table.rows[-1].name == "max_pool2d"  # the last call before the loop
        lab.paste(source)
        await lab.until("✓ 1×28×28 → 10")
        # Even code that ignores every interrupt is stopped.
        stubborn = (
            "        while True:\n            try:\n                time.sleep(9)\n"
            "            except BaseException:\n                pass\n"
        )
        monkeypatch.setattr(editing, "EDIT_TIME_LIMIT", 2.0)
        lab.paste("import time\n" + source.replace("        x = x.flatten", stubborn + "        x = x.flatten"))
        await lab.until("stopped after 2 s")
        lab.paste(source)
        await lab.until("✓ 1×28×28 → 10")


async def test_the_run_on_real_values_replaces_the_live_answer(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        await lab.edit()
        source = lab.editor.text.replace(CONSTRUCTOR, CONSTRUCTOR + WIDE)
        lab.paste(source.replace("        return ", "        logits = logits - logits.mean(0)\n        return "))
        await until(lab.pilot, lambda: len(lab.answers()) == 2, "the run on real values")
        live, real = (trace.table for trace in lab.answers())
        assert live is not None
        assert real is not None
        assert (live.ran, live.remarks) == ("meta", ())
        assert real.ran == "real"
        assert [row.name for row in real.rows if row.mixes_samples] == ["mean"]
        await lab.until("mixes samples")


async def test_a_run_on_real_values_that_takes_too_long_leaves_the_live_answer_with_a_remark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editing, "EDIT_TIME_LIMIT", 4.0)  # leaves time for the live answer on a slow machine
    async with model_pane(tmp_path / "runs") as lab:
        await lab.edit()
        source = lab.editor.text.replace(CONSTRUCTOR, CONSTRUCTOR + WIDE)
        lab.paste(
            "import time\n"
            + source.replace(
                "        return ", "        if not x.is_meta:\n            time.sleep(600)\n        return "
            )
        )
        await until(lab.pilot, lambda: len(lab.answers()) == 2, "the time limit")
        live, late = lab.answers()
        assert live.table is not None
        assert late.table is not None
        assert (late.error, late.table.ran, late.table.rows) == (None, "meta", live.table.rows)
        (remark,) = late.table.remarks
        assert "real values" in remark.text
        assert "stopped after 4 s" in remark.text
        await lab.until("not run on real values", "✓ 1×28×28 → 10")


async def test_crash_of_the_code_affects_nothing_else(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        await lab.edit()
        await lab.app.engine.ask(PrepareDataset(ref=SYNTHETIC), DatasetInfo)
        engine = lab.app.engine.pid
        source = lab.editor.text
        lab.paste("import os\n" + source.replace("        super().__init__()", "        os._exit(7)"))
        await lab.until("exit code 7")
        lab.paste(source)
        await lab.until("✓ 1×28×28 → 10")
        assert lab.app.engine.pid == engine


async def test_saving_asks_before_replacing_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.py").write_text("something else")
    async with model_pane(tmp_path / "runs") as lab:
        await lab.edit()
        await lab.replace("out_features=200)", "out_features=200) ")
        await lab.pilot.press("ctrl+s")
        await until(lab.pilot, lambda: isinstance(lab.app.screen, SaveDialog), "the dialog")
        field = lab.app.screen.query_one(Input)
        assert field.value == str(tmp_path / "guide_net.py")
        field.value = str(tmp_path / "nosuch" / "net.py")
        await lab.pilot.press("enter")
        await lab.until("exist")
        field.value = str(tmp_path / "taken.py")
        await lab.pilot.press("enter")
        await lab.until("press enter again")
        assert (tmp_path / "taken.py").read_text() == "something else"
        field.value = str(tmp_path / "net.py")
        await lab.pilot.press("enter")
        await lab.until("Saved ")
        assert (tmp_path / "net.py").read_text() == lab.editor.text
        await lab.until("net.py  GuideNet")
        assert "edited" not in lab.screen

        await lab.replace("out_features=200) ", "out_features=200)")
        await lab.until("edited")
        await lab.pilot.press("ctrl+s")
        await until(lab.pilot, lambda: (tmp_path / "net.py").read_text() == lab.editor.text, "the saved file")

        (tmp_path / "net.py").write_text("changed by another program")
        await lab.replace("out_features=200)", "out_features=200) ")
        await lab.pilot.press("ctrl+s")
        await until(lab.pilot, lambda: isinstance(lab.app.screen, ConfirmDialog), "the question")
        await lab.pilot.press("n")
        assert (tmp_path / "net.py").read_text() == "changed by another program"


async def test_another_network_and_errors_in_the_form(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "blocks.py").write_text(
        "from torch import nn\n\n\ndef block(width):\n    return nn.Conv2d(width, width, 3)\n"
    )
    (tmp_path / "broken.py").write_text("import nosuchmodule\n")
    async with model_pane(tmp_path / "runs") as lab:
        await lab.pilot.press("a")
        await until(lab.pilot, lambda: isinstance(lab.app.screen, NetworkForm), "the form")
        form = lab.app.screen

        async def fill(source: str, arguments: str = "", size: str = "1x28x28") -> None:
            for name, value in (("source", source), ("arguments", arguments), ("input", size)):
                form.query_one(f"#network-{name}", Input).value = value
            form.query_one("#network-source", Input).focus()
            await lab.pilot.press("enter")

        for values, field, message in (
            (("nosuch",), "source", "unknown model 'nosuch'"),
            ((f"{tmp_path}/missing.py:Net",), "source", "No such file"),
            ((f"{tmp_path}/broken.py:Net",), "source", "line 1: ModuleNotFoundError"),
            ((f"{tmp_path}/net.py:Nothing",), "source", "no network 'Nothing'; it defines Net, Other"),
            ((f"{tmp_path}/net.py",), "source", "defines Net, Other; choose one"),
            ((f"{tmp_path}/net.py:plain", "", "1x28x28"), "source", "plain is an instance of int"),
            ((f"{tmp_path}/net.py:Net",), "arguments", "Net needs width"),
            ((f"{tmp_path}/net.py:Net", '{"width": 4, "size": 2}'), "arguments", "take size"),
            ((f"{tmp_path}/net.py:Net", "{width"), "arguments", "{width isn't a JSON object"),
            ((f"{tmp_path}/net.py:Net", '{"width": 4}', "1x-3"), "input", "invalid input shape '1x-3'"),
            ((f"{tmp_path}/net.py:Net", '{"width": 4}', "999999x999999"), "input", "at most 2**31"),
            (("torchvision:nosuch",), "source", "torchvision model 'nosuch'"),
        ):
            await fill(*values)
            await lab.until(message[:50])
            await until(
                lab.pilot,
                lambda field=field: lab.app.focused is form.query_one(f"#network-{field}"),  # type: ignore[misc]
                f"the focus on {field}",
            )

        await fill(f"{tmp_path}/net.py:Net", '{"width": 4, "depth": 2}', "1x12x12")
        await until(lab.pilot, lambda: lab.outputs == ["4×10×10", "4×8×8", "4×6×6", "144"], "the network")
        await lab.until("net.py  Net  width=4  depth=2  input 1×12×12")
        await lab.edit()
        await lab.replace("nn.Conv2d(1, width, 3)", "nn.Conv2d(1, width, 5)")
        await until(lab.pilot, lambda: lab.outputs == ["4×8×8", "4×6×6", "4×4×4", "64"], "the edited network")


async def test_nothing_of_the_previous_network_is_shown(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.conv1 = nn.Conv2d(1, 7, 3)\n\n    def forward(self, x):\n        return self.conv1(x)\n"
    )
    async with model_pane(tmp_path / "runs") as lab:
        await lab.until("204,542", "300 values", "980")
        network = read_network(f"{tmp_path}/net.py:Net", "", "1x28x28")
        lab.pane.open(network)
        assert lab.pane.query_one(ShapeView).table is None
        while lab.outputs != ["7×26×26"]:
            await lab.pilot.pause(0.02)
            assert not any(text in lab.screen for text in ("204,542", "300 values", "980"))
        while "63 values" not in lab.screen:
            await lab.pilot.pause(0.02)
            assert "300 values" not in lab.screen
        lab.pane.open(replace(network, inputs=(InputSpec(shape=(3, 28, 28)),)))  # fails: conv1 expects 1 channel
        await lab.until("conv1 expects 1 channel, got 3")
        assert "7×26×26" not in lab.screen
        assert "63 values" not in lab.screen
        assert not lab.pane.trace_view.has_class("-outdated")


async def test_the_form_proposes_the_inputs_of_the_named_network(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        await lab.until("204,542")
        lab.pane.open(read_network("strong", "", "1x32x32"))
        await lab.until("input 1×32×32")
        await lab.pilot.press("a")
        await until(lab.pilot, lambda: isinstance(lab.app.screen, NetworkForm), "the form")
        source, size = (lab.app.screen.query_one(f"#network-{name}", Input) for name in ("source", "input"))
        assert (source.value, size.value) == ("strong", "1x32x32")
        for name, proposed in (("guide", ""), ("torchvision:resnet18", ""), ("strong", "1x32x32")):
            source.value = name
            await until(lab.pilot, lambda proposed=proposed: size.value == proposed, proposed)  # type: ignore[misc]
        size.value = "1x40x40"
        source.value = "quick"
        await lab.pilot.press("enter")
        await lab.until("quick", "input 1×40×40")


DENOISER = """
import torch
from torch import nn


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Embedding(50, 36)

    def forward(self, x, t):
        return x.flatten(1) + self.time(t)


def batch(size):
    return torch.zeros(size, 2, 18), torch.zeros(size, dtype=torch.int64)


def broken(size):
    return nosuch
"""


async def test_a_network_with_several_inputs(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(DENOISER)
    async with model_pane(tmp_path / "runs") as lab:
        for inputs, shown in (("1x6x6 t=:int64", "input 1×6×6, t int64"), (f"{file}:batch", "net.py:batch")):
            await lab.pilot.press("a")
            await until(lab.pilot, lambda: isinstance(lab.app.screen, NetworkForm), "the form")
            form = lab.app.screen
            for wrong, message in (
                ("1x6x6", "also needs `t`: add t=SHAPE"),
                (f"{file}:broken", "broken fails: NameError"),
            ):
                form.query_one("#network-source", Input).value = f"{file}:Denoiser"
                form.query_one("#network-input", Input).value = wrong
                await lab.pilot.press("enter")
                await lab.until(message)
                await until(lab.pilot, lambda: lab.app.focused is form.query_one("#network-input"), "the focus")  # noqa: B023
            form.query_one("#network-input", Input).value = inputs
            await lab.pilot.press("enter")
            await lab.until(shown)
            await until(lab.pilot, lambda: lab.outputs == ["36", "36", "36"], "the network")


async def test_folding_modules_keeps_the_cursor(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        await lab.edit()
        lab.paste(
            "from torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
            "        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU())\n"
            "        self.head = nn.Linear(32, 10)\n\n"
            "    def forward(self, x):\n        return self.head(self.body(x))\n"
        )
        await until(lab.pilot, lambda: lab.table.rows[0].path == "body", "the new table")
        await lab.until("✓ 1×28×28 → 10")
        await lab.pilot.press("escape")
        rows = lab.pane.query_one(ShapeView)
        await lab.pilot.press("home", "enter")
        await until(lab.pilot, lambda: "▸" in lab.screen and "Flatten  " not in lab.screen, "the folded module")
        assert rows.row is not None
        assert rows.row.path == "body"
        await lab.pilot.press("right")
        await until(lab.pilot, lambda: "▾" in lab.screen, "the unfolded module")
        await lab.pilot.press("end")
        assert rows.row.path == "head"
        await lab.pilot.press("up", "left")
        assert rows.row.path == "body.2"


async def test_a_long_table_leaves_fewer_lines_for_the_details(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        details, rows = lab.pane.query_one(RowDetails), lab.pane.query_one(ShapeView).rows
        assert details.size.height == 13
        await lab.edit()
        lab.paste(
            "from torch import nn\n\n\nclass Net(nn.Sequential):\n    def __init__(self):\n"
            "        super().__init__(*(nn.ReLU() for _ in range(42)))\n"
        )
        await until(lab.pilot, lambda: len(lab.table.rows) == 42, "the new table")
        await lab.pilot.press("escape", "escape")
        await until(lab.pilot, lambda: details.size.height == 7 and rows.size.height >= 20, "a taller table")


async def test_producers_and_consumers_of_the_row_are_marked_in_the_margin(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        assert "●" not in lab.pane.query_one(ShapeView).rows.render_line(0).text, "the guide's network is a chain"
        await lab.edit()
        lab.paste(
            "from torch import nn\n\n\nclass Block(nn.Module):\n    def __init__(self, width):\n"
            "        super().__init__()\n        self.layer = nn.Linear(width, width)\n\n"
            "    def forward(self, x):\n        return x + self.layer(x)\n\n\n"
            "class Net(nn.Sequential):\n    def __init__(self):\n"
            "        super().__init__(nn.Flatten(), Block(784), nn.Linear(784, 10))\n"
        )
        await until(lab.pilot, lambda: len(lab.table.rows) == 5, "the new table")
        await lab.pilot.press("escape", "home")
        rows = lab.pane.query_one(ShapeView).rows

        def margins() -> list[str]:
            return [rows.render_line(row).text[1:5].rstrip() for row in range(5)]

        await until(lab.pilot, lambda: margins() == ["●─╮", "│ │", "◆ │", "◆─╯", ""], "the consumers of the first row")
        await lab.pilot.press("down", "down")
        await until(lab.pilot, lambda: margins() == ["◆─╮", "│ │", "● │", "◆─╯", ""], "the neighbours of the layer")
        await lab.pilot.press("up", "enter")
        await until(lab.pilot, lambda: "●" not in "".join(margins()), "the chain without the block's branches")


async def test_keys_change_the_batch_of_the_training_estimate(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs", (80, 24)) as lab:
        await lab.until("204,542 parameters")
        assert "training" not in lab.screen
        await lab.pilot.press(">")
        await lab.until("batch 64:", "a step on")
        await lab.pilot.press(">")
        await lab.until("batch 128:")
        await lab.pilot.press("<", "<")
        # 4 × 204,542 parameters and 32 × 95 KiB of activations
        await lab.until("batch 32:", "6.09 MiB", "largest batch")
        await lab.pilot.press("escape")
        await until(lab.pilot, lambda: "batch 32" not in lab.screen, "the estimate to be hidden")
        await lab.edit()
        await lab.pilot.press("escape", ">")
        await lab.until("batch 32:")
        source = lab.editor.text
        lab.paste(source.replace("nn.Linear", "nn.Linea"))
        await lab.until("no costs", "error")
        await lab.pilot.press("escape")
        await until(lab.pilot, lambda: "no costs" not in lab.screen, "the estimate to be hidden")
        await lab.pilot.press("<")
        await lab.until("no costs", "error")


async def test_the_estimate_shows_the_parts_of_the_memory_and_the_cursor_stays_visible(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs", (120, 30)) as lab:
        await lab.until("204,542 parameters")
        await lab.pilot.press("end", ">")
        await lab.until("batch 64:", "799 KiB gradients")
        rows = lab.pane.query_one(ShapeView).rows
        await until(lab.pilot, lambda: "fc2" in rows.render_line(rows.size.height - 1).text, "the row under the cursor")


async def test_edited_network_beside_the_saved_one(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        await lab.edit()
        lab.paste(
            lab.editor.text.replace(
                "out_channels=20, kernel_size=5, padding=2", "out_channels=20, kernel_size=7, padding=3"
            )
        )
        await until(lab.pilot, lambda: lab.table.total_params == 204_542 + 20 * 12 * (49 - 25), "the edited network")
        await lab.pilot.press("escape", "escape", "=")
        await lab.until("saved", "edited", "1 row differs")
        rows = lab.pane.query_one(ComparisonView).rows
        await until(lab.pilot, lambda: "~" in rows.render_line(3).text, "the marked row")
        assert [rows.render_line(row).text[1] for row in range(10)] == [*" " * 3, "~", *" " * 6]
        saved, edited = rows.render_line(3).text.split("│")
        assert ("5×5 p2" in saved, "7×7 p3" in edited) == (True, True)
        source = lab.editor.text
        lab.paste(source.replace("7", "7 +"))
        await lab.until("edited, outdated", "edited source has an error")
        lab.paste(source.replace("in_features=20 * (height // 4) * (width // 4)", "in_features=99"))
        await until(lab.pilot, lambda: "fails" in rows.render_line(7).text, "the rows up to the error")
        await lab.until("edited source has an error: fc1 expects 99 features")
        await lab.pilot.press("z")  # reverts the edit
        await until(lab.pilot, lambda: "saved" not in lab.screen, "the table")
        await lab.pilot.press("=")
        await lab.until("no edits to compare")
        assert not lab.pane.trace_view.comparing


async def test_a_fixed_network_beside_the_saved_one_that_fails(tmp_path: Path) -> None:
    """The editor stays open beside the comparison, which has the focus."""
    async with model_pane(tmp_path / "runs") as lab:
        await lab.pilot.press("ctrl+s")
        await lab.until("no edits to save")
        await lab.edit()
        fixed = lab.editor.text
        lab.paste(fixed.replace("in_features=20 * (height // 4) * (width // 4)", "in_features=99"))
        await lab.until("fc1 expects 99 features")
        lab.pane.editor.original = lab.editor.text
        lab.paste(fixed)
        await lab.until("✓ 1×28×28 → 10")
        await lab.pilot.press("escape", "=")
        rows = lab.pane.query_one(ComparisonView).rows
        await lab.until("saved source has an error: fc1 expects", "1 row differs, 2 only in the second")
        await until(lab.pilot, lambda: lab.app.focused is rows, "the focus on the comparison")
        ends = [rows.render_line(row).text.split()[-2:] for row in (7, 9)]
        assert ends == [["fc1", "196,200"], ["fc2", "2,010"]]  # the names and the parameters
        await until(lab.pilot, lambda: "esc close" in lab.screen, "the key that closes the comparison")
        await lab.pilot.press("down", "escape")
        await until(lab.pilot, lambda: "saved" not in lab.screen, "the table")


async def test_a_small_terminal_shows_the_shapes_beside_the_editor(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs", (80, 24)) as lab:
        await lab.until("fc2", "(28 − 5 + 2·2) / 1 + 1 = 28")
        await lab.edit()
        lines = lab.screen.splitlines()
        assert any(line.split()[-2:] == ["conv2", "20×14×14"] and line.split()[0].isdigit() for line in lines), lines
        assert "operation" not in lab.screen
        await lab.replace("out_channels=12, kernel", "out_channels=13, kernel")
        await lab.until("conv2 expects 12 channels", "fails")
        await lab.pilot.press("escape")
        await lab.until("operation", "conv2 expects 12 channels, got 13")
        assert {"^s save", "? help"} <= set(re.split(r"\s{2,}", lab.screen.splitlines()[-2].strip()))
        await lab.pilot.press("i")
        await until(lab.pilot, lambda: "operation" not in lab.screen, "the editor again")
        assert "out_channels=13" in lab.editor.text
        await lab.pilot.resize_terminal(70, 24)
        await until(lab.pilot, lambda: "fails" not in lab.screen, "the editor alone")
        await lab.pilot.resize_terminal(120, 40)
        await lab.until("step", "class GuideNet")


async def test_discarding_edits_asks_first(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        await lab.edit()
        await lab.replace("out_features=classes)", "out_features=11)")
        await lab.until("✓ 1×28×28 → 11")
        await lab.pilot.press("escape", "t")
        await lab.until("1×28×28 input and 10 outputs")
        await lab.pilot.press("a")
        await until(lab.pilot, lambda: isinstance(lab.app.screen, NetworkForm), "the form")
        lab.app.screen.query_one("#network-source", Input).value = "guide"
        await lab.pilot.press("enter")
        await until(lab.pilot, lambda: isinstance(lab.app.screen, ConfirmDialog), "the question")
        await lab.pilot.press("n")
        await lab.until("edited")
        assert "out_features=11" in lab.editor.text


async def test_weights_and_feature_maps_of_a_run(finished: Path) -> None:
    async with model_pane(finished.parent) as lab:
        await lab.until("300 values")
        initial = lab.screen
        await until(lab.pilot, lambda: lab.app.runs, "the run")
        await lab.pilot.press("o")
        await until(lab.pilot, lambda: isinstance(lab.app.screen, ChoiceDialog), "the runs")
        await lab.pilot.press("enter")
        await lab.until("weights of guide-", "300 values")
        await until(lab.pilot, lambda: _range(lab.screen) != _range(initial), "other weights")

        await lab.pilot.press("m")
        await lab.until("12 maps of 28×28", "image 0: ")
        grid = lab.pane.query_one(FeatureMapsView).query_one(ImageTiles)
        first = [tile.picture.pixels for tile in grid.tiles]
        assert len(first) == 13
        assert len(set(first)) == 13
        await lab.pilot.press("down", "down")
        await lab.until("12 maps of 14×14", "black 0, ")
        await lab.pilot.press("right")
        await lab.until("image 1: ")
        assert grid.tiles[0].picture.pixels != first[0]
        await lab.pilot.press("end")
        await lab.until("10 values, row by row")
        await lab.pilot.press("escape")
        await until(lab.pilot, lambda: "10 values, row by row" not in lab.screen, "the details again")
        await lab.pilot.press("i")
        await until(lab.pilot, lambda: lab.app.focused is lab.editor, "the editor")
        await until(lab.pilot, lambda: "weights of" not in lab.screen, "initial weights")


def _range(screen: str) -> list[str]:
    """Return the limits of the histogram of conv1's weight."""
    lines = screen.splitlines()
    caption = next(index for index, line in enumerate(lines) if "300 values" in line)
    return re.findall(r"[−\d.]+", lines[caption + 5])


async def test_feature_maps_need_a_run(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        await lab.pilot.press("m")
        await lab.until("No run has a checkpoint yet")


async def test_a_network_is_traced_for_the_images_of_the_data_set(tmp_path: Path) -> None:
    async with model_pane(tmp_path / "runs") as lab:
        await lab.until("204,542")
        ref = DatasetRef(name="folder", directory="/photos", sha256="")
        names = ("a", "b", "c")
        info = msgspec.structs.replace(info_for(ref), title="photos", classes=names, image_shape=(3, 32, 32))
        lab.app.dataset = DatasetState(info)
        parameters = sum(weight.numel() for weight in GuideNet((3, 32, 32), 3).parameters())
        await lab.until(f"{parameters:,}", "3×32×32")
