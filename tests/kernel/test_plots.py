"""What `show` and results make of tensors, arrays and images, in a real kernel."""

import pytest

from fashion_tui.kernel.outputs import Display, Error, Output, Result
from fashion_tui.kernel.session import KernelSession
from fashion_tui.schema.plots import MIME_TYPE, NON_FINITE, Bars, HeatMap, ImageGrid, Plot

from .cells import done, printed, result, run

pytestmark = pytest.mark.asyncio(loop_scope="module")


def shown(outputs: list[Output]) -> Plot:
    """The only figure, which must be a display's."""
    assert done(outputs).status == "ok", outputs
    (only,) = [output for output in outputs if isinstance(output, Display)]
    assert only.plot is not None, only.text
    assert only.text == only.plot.caption
    return only.plot


async def pictures(session: KernelSession, code: str) -> ImageGrid:
    figure = shown(await run(session, code))
    assert isinstance(figure, ImageGrid)
    return figure


async def refused(session: KernelSession, code: str) -> str:
    """The one line that stands in place of a figure."""
    outputs = await run(session, code)
    assert done(outputs).status == "ok"
    (only,) = [output for output in outputs if isinstance(output, Display)]
    assert only.plot is None
    assert "\n" not in only.text
    return only.text


RAMP = "torch.arange(784).reshape(28, 28)"


async def test_a_picture_is_shown_as_it_is(session: KernelSession) -> None:
    figure = await pictures(session, f"show(({RAMP} % 256).to(torch.uint8))")
    assert (figure.count, figure.height, figure.width, figure.channels) == (1, 28, 28, 1)
    assert figure.pixels == bytes(value % 256 for value in range(784))
    assert figure.caption == "uint8 [28, 28]"
    figure = await pictures(session, f"show({RAMP}[None] / 783)")
    assert figure.caption == "float32 [1, 28, 28] in [0, 1]"
    assert figure.pixels == bytes(round(value / 783 * 255) for value in range(784))


async def test_a_picture_of_other_values_is_scaled_and_says_so(session: KernelSession) -> None:
    figure = await pictures(session, f"show({RAMP} / 100 - 0.42)")
    assert figure.caption == "float32 [28, 28] · −0.42 … 7.41 shown as black … white"
    assert (figure.pixels[0], figure.pixels[-1]) == (0, 255)
    await run(session, "x = torch.ones(1, 28, 28); x[0, 3, 4] = torch.nan; x[0, 0, 0] = torch.inf")
    figure = await pictures(session, "show(x)")
    assert figure.caption == "float32 [1, 28, 28] in [0, 1] · 2 NaN or infinite, drawn black"
    assert (figure.pixels[0], figure.pixels[1], figure.pixels[3 * 28 + 4]) == (0, 255, 0)


async def test_colours_and_batches(session: KernelSession) -> None:
    figure = await pictures(session, "x = torch.zeros(3, 9, 10); x[0] = 1; x[2, 0, 0] = 1; show(x)")
    assert (figure.channels, figure.height, figure.width) == (3, 9, 10)
    assert figure.pixels[:6] == bytes([255, 0, 255, 255, 0, 0])
    assert (await pictures(session, "show(x.permute(1, 2, 0).numpy())")).pixels == figure.pixels
    figure = await pictures(session, "show(torch.rand(100, 1, 28, 28), labels=range(100))")
    assert (figure.count, figure.total, figure.labels[63]) == (64, 100, "63")
    figure = await pictures(session, "show(torch.rand(70, 3, 224, 200))")
    assert (figure.count, figure.total) == (64, 70)
    assert figure.caption.endswith("· 224×200 drawn as 34×30")
    figure = await pictures(session, "show(nn.Conv2d(1, 12, 5).weight)")
    assert (figure.count, figure.height, figure.width) == (12, 5, 5)
    assert figure.caption.startswith("float32 [12, 1, 5, 5] · −")


@pytest.mark.parametrize(
    ("code", "caption"),
    [
        ("torch.zeros(2, 3, requires_grad=True)", "float32 [2, 3]"),
        ("torch.zeros(2, 3, dtype=torch.float16)", "float16 [2, 3]"),
        ("torch.zeros(2, 3, dtype=torch.bfloat16)", "bfloat16 [2, 3]"),
        ("torch.zeros(2, 3, dtype=torch.float8_e4m3fn)", "float8_e4m3fn [2, 3]"),
        ("torch.zeros(2, 3, dtype=torch.bool)", "bool [2, 3]"),
        ("torch.zeros(2, 3, dtype=torch.uint16)", "uint16 [2, 3]"),
        ("torch.zeros(2, 3, dtype=torch.complex64)", "complex64 [2, 3] · magnitudes"),
        ("torch.zeros(2, 3).to_sparse()", "sparse float32 [2, 3]"),
        ("torch.zeros(4, 6).T[::3]", "float32 [2, 4]"),
        ("torch.quantize_per_tensor(torch.zeros(2, 3), 0.1, 0, torch.quint8)", "quint8 [2, 3]"),
        ("torch.zeros(2, 3, 1, 1)", "float32 [2, 3, 1, 1]"),
        ("torch.tensor([[1e308, -1e308]] * 2, dtype=torch.float64)", "float64 [2, 2]"),
        ("torch.full((2, 2), torch.nan)", "float32 [2, 2]"),
        ("torch.zeros(16, 28)", "float32 [16, 28]"),
        ("[[1, 2], [3, 4]]", "int64 [2, 2]"),
        ("__import__('numpy').zeros((3, 4), dtype='>f4')[::-1]", ">f4 [3, 4]"),
    ],
)
async def test_a_matrix_of_any_kind_is_a_heat_map(session: KernelSession, code: str, caption: str) -> None:
    figure = shown(await run(session, f"show({code})"))
    assert isinstance(figure, HeatMap)
    assert figure.caption == caption


async def test_a_heat_map_holds_the_values(session: KernelSession) -> None:
    figure = shown(await run(session, "show(torch.tensor([[-1.0, 0.25], [torch.nan, 1.0]]))"))
    assert isinstance(figure, HeatMap)
    assert (figure.rows, figure.columns, figure.low, figure.high) == (2, 2, -1.0, 1.0)
    assert figure.levels == bytes([0, 159, NON_FINITE, 254])
    assert figure.value_strings == ("-1", "0.25", "nan", "1")
    whole = shown(await run(session, "show(torch.tensor([[123456, 7], [10**12, True]]))"))
    assert isinstance(whole, HeatMap)
    assert whole.value_strings == ("123456", "7", "1e+12", "1")
    large = shown(await run(session, "show(torch.arange(500)[:, None].expand(500, 200))"))
    assert isinstance(large, HeatMap)
    assert (large.rows, large.columns, large.value_strings) == (125, 100, ())
    assert large.caption == "int64 [500, 200] · 1 row in 4 · 1 column in 2"


async def test_a_vector_gives_bars(session: KernelSession) -> None:
    figure = shown(await run(session, "show(torch.tensor([0.5, -2, torch.inf]))"))
    assert figure == Bars(values=(0.5, -2.0, None), value_strings=("0.5", "-2", "inf"), caption="float32 [3]")
    figure = shown(await run(session, "show(torch.eye(2)[:1].softmax(1), ['cat', 'dog'])"))
    assert isinstance(figure, Bars)
    assert (figure.labels, figure.value_strings) == (("cat", "dog"), ("0.731", "0.269"))
    figure = shown(await run(session, "show(torch.arange(1_000))"))
    assert isinstance(figure, Bars)
    assert (figure.values[1], len(figure.values), figure.stride) == (7.0, 143, 7)
    assert figure.caption == "int64 [1000] · 1 value in 7"


async def test_a_picture_with_its_label(session: KernelSession) -> None:
    await run(session, "image = torch.zeros(1, 28, 28); classes = ('T-shirt/top', 'Trouser')")
    figure = await pictures(session, "show((image, 1))")
    assert (figure.caption, figure.labels) == ("Trouser · float32 [1, 28, 28] in [0, 1]", ())
    assert (await pictures(session, "show((image, torch.tensor(7)))")).caption.startswith("7 · float32")
    figure = await pictures(session, "show([(image, 0), (image, 1)])")
    assert (figure.labels, figure.caption) == (("T-shirt/top", "Trouser"), "2 × float32 [1, 28, 28] in [0, 1]")
    figure = await pictures(session, "show((torch.zeros(2, 1, 28, 28), torch.tensor([1, 0])))")
    assert figure.labels == ("Trouser", "T-shirt/top")
    assert (await pictures(session, "show([image, image, image])")).count == 3


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("torch.tensor(2.5)", "2.5 · float32 [], a single number"),
        ("torch.zeros(0, 3)", "float32 [0, 3] is empty"),
        ("torch.zeros(2, 2, device='meta')", "float32 [2, 2] on meta: there it has a shape, and no values"),
        ("torch.sparse_coo_tensor(size=(10**6, 10**6))", "too large to be written out"),
        ("torch.nested.nested_tensor([torch.zeros(1), torch.zeros(2)])", "a nested tensor has no one shape"),
        ("[torch.zeros(2), torch.zeros(3)]", "these have no shape in common"),
        ("nn.Linear(2, 2)", "a Linear is no tensor; show one of its parameters: weight …"),
        ("torch.zeros(2, 2, dtype=torch.float4_e2m1fn_x2)", "a Tensor that can't be drawn: "),
        ("'text'", "a str holds no numbers"),
        ("None", "a NoneType holds no numbers"),
        ("[]", "float64 [0] is empty"),
        ("torch.zeros(3), ['a', 'b']", "there are 2 labels for 3 values"),
        ("torch.zeros(3, 3), ['a', 'b', 'c']", "a heat map, which has no labels"),
    ],
)
async def test_what_cannot_be_drawn_is_told_in_one_line(session: KernelSession, code: str, words: str) -> None:
    assert words in await refused(session, f"show({code})")


@pytest.mark.parametrize(
    "code",
    [
        "torch.zeros(1).expand(10**6, 10**6)",
        "torch.zeros(1, dtype=torch.uint8).expand(10**4, 3, 5_000, 5_000)",
        "torch.zeros(1).expand(10**10)",
        "torch.zeros(1).expand(10**5, 10**5, 7, 9)",
    ],
)
async def test_an_immense_tensor_takes_no_time(session: KernelSession, code: str) -> None:
    await run(session, f"import time; x = {code}; show(x)")
    outputs = await run(session, "began = time.process_time(); show(x); time.process_time() - began")
    assert any(isinstance(output, Display) and output.plot for output in outputs)
    assert float(result(outputs)) < 1.0


async def test_a_picture_as_a_result_comes_with_its_figure(session: KernelSession) -> None:
    for code in (
        "torch.rand(28, 28)",
        "torch.rand(1, 28, 28).requires_grad_()",
        "torch.zeros(5, 1, 28, 28, dtype=torch.uint8)",
        "torch.rand(3, 8, 9)",
        "torch.rand(2, 3, 32, 32).half()",
        "import PIL.Image; PIL.Image.new('RGBA', (400, 300), (255, 0, 0, 128))",
        "PIL.Image.new('L', (28, 28)).copy()",
    ):
        (only,) = [output for output in await run(session, code) if isinstance(output, Result)]
        assert isinstance(only.plot, ImageGrid), code
        assert only.text.startswith(("tensor(", "Parameter", "<PIL."))
        if "RGBA" in code:
            assert only.plot.pixels[:3] == bytes([128, 0, 0])
            assert only.plot.caption == "RGBA image, 400×300 drawn as 160×120"


async def test_other_results_are_printed_as_ever(session: KernelSession) -> None:
    for code in (
        "torch.rand(27, 28)",
        "torch.rand(12, 28, 28)",
        "torch.zeros(28, 28, dtype=torch.int64)",
        "torch.zeros(28, 28, device='meta')",
        "torch.rand(3, 7, 9)",
        "torch.zeros(0, 1, 28, 28)",
        "torch.rand(10)",
        "(torch.rand(28, 28), 1)",
    ):
        (only,) = [output for output in await run(session, code) if isinstance(output, Result)]
        assert only.plot is None, code


async def test_what_isnt_a_figure_is_left_out_and_told(session: KernelSession) -> None:
    for figure in ("{'type': 'images', 'count': 10**9}", "'x' * 10_000_000", "{'a': [1] * 1_000_000}"):
        outputs = await run(session, f"display({{'text/plain': 'text', {MIME_TYPE!r}: {figure}}}, raw=True); 7")
        (only,) = [output for output in outputs if isinstance(output, Display)]
        assert only.plot is None
        first, second = only.text.split("\n")
        assert first == "text"
        assert second.startswith("invalid plot: ")
        assert result(outputs) == "7"


async def test_other_representations_stay_in_the_kernel(session: KernelSession) -> None:
    await run(session, "class Rich:\n    def _repr_html_(self): return '<b>'\n    def __repr__(self): return 'plain'")
    (only,) = [output for output in await run(session, "Rich()") if isinstance(output, Result)]
    assert (only.text, only.plot) == ("plain", None)


async def test_show_is_at_hand_and_unlisted(session: KernelSession) -> None:
    assert "show" not in printed(await run(session, "%who"))
    found = await session.complete("sho", 3)
    assert "show" in found.matches
    assert "Draw a value" in str(await session.inspect("show", 4))
    assert not [output for output in await run(session, "show") if isinstance(output, Error)]
