"""`show` and results plot tensors, arrays and images, in a real kernel."""

import pytest

from fashion_tui.kernel.outputs import Display, Error, Output, Result
from fashion_tui.kernel.session import KernelSession
from fashion_tui.schema.plots import MIME_TYPE, NON_FINITE, Bars, HeatMap, ImageGrid, Plot

from .cells import done, printed, result, run

pytestmark = pytest.mark.asyncio(loop_scope="module")


def shown(outputs: list[Output]) -> Plot:
    """Return the only plot. Its output must be a `Display`."""
    assert done(outputs).status == "ok", outputs
    (only,) = [output for output in outputs if isinstance(output, Display)]
    assert only.plot is not None, only.text
    assert only.text == only.plot.caption
    return only.plot


async def images(session: KernelSession, code: str) -> ImageGrid:
    plot = shown(await run(session, code))
    assert isinstance(plot, ImageGrid)
    return plot


async def refused(session: KernelSession, code: str) -> str:
    """Return the line that is shown instead of a plot."""
    outputs = await run(session, code)
    assert done(outputs).status == "ok"
    (only,) = [output for output in outputs if isinstance(output, Display)]
    assert only.plot is None
    assert "\n" not in only.text
    return only.text


RAMP = "torch.arange(784).reshape(28, 28)"


async def test_an_image_keeps_its_values(session: KernelSession) -> None:
    plot = await images(session, f"show(({RAMP} % 256).to(torch.uint8))")
    assert (plot.count, plot.height, plot.width, plot.channels) == (1, 28, 28, 1)
    assert plot.pixels == bytes(value % 256 for value in range(784))
    assert plot.caption == "uint8 [28, 28]"
    plot = await images(session, f"show({RAMP}[None] / 783)")
    assert plot.caption == "float32 [1, 28, 28] in [0, 1]"
    assert plot.pixels == bytes(round(value / 783 * 255) for value in range(784))


async def test_an_image_with_other_values_is_scaled_and_says_so(session: KernelSession) -> None:
    plot = await images(session, f"show({RAMP} / 100 - 0.42)")
    assert plot.caption == "float32 [28, 28] · −0.42 … 7.41 shown as black … white"
    assert (plot.pixels[0], plot.pixels[-1]) == (0, 255)
    await run(session, "x = torch.ones(1, 28, 28); x[0, 3, 4] = torch.nan; x[0, 0, 0] = torch.inf")
    plot = await images(session, "show(x)")
    assert plot.caption == "float32 [1, 28, 28] in [0, 1] · 2 NaN or infinite, drawn black"
    assert (plot.pixels[0], plot.pixels[1], plot.pixels[3 * 28 + 4]) == (0, 255, 0)


async def test_rgb_images_and_batches(session: KernelSession) -> None:
    plot = await images(session, "x = torch.zeros(3, 9, 10); x[0] = 1; x[2, 0, 0] = 1; show(x)")
    assert (plot.channels, plot.height, plot.width) == (3, 9, 10)
    assert plot.pixels[:6] == bytes([255, 0, 255, 255, 0, 0])
    assert (await images(session, "show(x.permute(1, 2, 0).numpy())")).pixels == plot.pixels
    plot = await images(session, "show(torch.rand(100, 1, 28, 28), labels=range(100))")
    assert (plot.count, plot.total, plot.labels[63]) == (64, 100, "63")
    plot = await images(session, "show(torch.rand(70, 3, 224, 200))")
    assert (plot.count, plot.total) == (64, 70)
    assert plot.caption.endswith("· 224×200 drawn as 34×30")
    plot = await images(session, "show(nn.Conv2d(1, 12, 5).weight)")
    assert (plot.count, plot.height, plot.width) == (12, 5, 5)
    assert plot.caption.startswith("float32 [12, 1, 5, 5] · −")


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
async def test_a_matrix_of_any_dtype_and_layout_is_a_heat_map(session: KernelSession, code: str, caption: str) -> None:
    plot = shown(await run(session, f"show({code})"))
    assert isinstance(plot, HeatMap)
    assert plot.caption == caption


async def test_a_heat_map_holds_the_values(session: KernelSession) -> None:
    plot = shown(await run(session, "show(torch.tensor([[-1.0, 0.25], [torch.nan, 1.0]]))"))
    assert isinstance(plot, HeatMap)
    assert (plot.rows, plot.columns, plot.low, plot.high) == (2, 2, -1.0, 1.0)
    assert plot.levels == bytes([0, 159, NON_FINITE, 254])
    assert plot.value_strings == ("-1", "0.25", "nan", "1")
    integers = shown(await run(session, "show(torch.tensor([[123456, 7], [10**12, True]]))"))
    assert isinstance(integers, HeatMap)
    assert integers.value_strings == ("123456", "7", "1e+12", "1")
    large = shown(await run(session, "show(torch.arange(500)[:, None].expand(500, 200))"))
    assert isinstance(large, HeatMap)
    assert (large.rows, large.columns, large.value_strings) == (125, 100, ())
    assert large.caption == "int64 [500, 200] · 1 row in 4 · 1 column in 2"


async def test_a_vector_is_drawn_as_bars(session: KernelSession) -> None:
    plot = shown(await run(session, "show(torch.tensor([0.5, -2, torch.inf]))"))
    assert plot == Bars(values=(0.5, -2.0, None), value_strings=("0.5", "-2", "inf"), caption="float32 [3]")
    plot = shown(await run(session, "show(torch.eye(2)[:1].softmax(1), ['cat', 'dog'])"))
    assert isinstance(plot, Bars)
    assert (plot.labels, plot.value_strings) == (("cat", "dog"), ("0.731", "0.269"))
    plot = shown(await run(session, "show(torch.arange(1_000))"))
    assert isinstance(plot, Bars)
    assert (plot.values[1], len(plot.values), plot.stride) == (7.0, 143, 7)
    assert plot.caption == "int64 [1000] · 1 value in 7"


async def test_an_image_with_its_label(session: KernelSession) -> None:
    await run(session, "image = torch.zeros(1, 28, 28); classes = ('T-shirt/top', 'Trouser')")
    plot = await images(session, "show((image, 1))")
    assert (plot.caption, plot.labels) == ("Trouser · float32 [1, 28, 28] in [0, 1]", ())
    assert (await images(session, "show((image, torch.tensor(7)))")).caption.startswith("7 · float32")
    plot = await images(session, "show([(image, 0), (image, 1)])")
    assert (plot.labels, plot.caption) == (("T-shirt/top", "Trouser"), "2 × float32 [1, 28, 28] in [0, 1]")
    plot = await images(session, "show((torch.zeros(2, 1, 28, 28), torch.tensor([1, 0])))")
    assert plot.labels == ("Trouser", "T-shirt/top")
    assert (await images(session, "show([image, image, image])")).count == 3


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("torch.tensor(2.5)", "2.5 · float32 [] is a single number"),
        ("torch.zeros(0, 3)", "float32 [0, 3] is empty"),
        ("torch.zeros(2, 2, device='meta')", "float32 [2, 2] on meta has a shape, but no values"),
        ("torch.sparse_coo_tensor(size=(10**6, 10**6))", "too large to convert to a dense tensor"),
        ("torch.nested.nested_tensor([torch.zeros(1), torch.zeros(2)])", "a nested tensor has no single shape"),
        ("[torch.zeros(2), torch.zeros(3)]", "differ in shape or dtype (float32 [2], float32 [3]"),
        ("nn.Linear(2, 2)", "a Linear; show one of its parameters, such as weight"),
        ("torch.zeros(2, 2, dtype=torch.float4_e2m1fn_x2)", "can't draw this Tensor: "),
        ("'text'", "can't draw a str"),
        ("None", "can't draw a NoneType"),
        ("[]", "float64 [0] is empty"),
        ("torch.zeros(3), ['a', 'b']", "2 labels for 3 values"),
        ("torch.zeros(3, 3), ['a', 'b', 'c']", "a heat map, which takes no labels"),
    ],
)
async def test_a_value_that_cannot_be_drawn_is_refused_in_one_line(
    session: KernelSession, code: str, reason: str
) -> None:
    assert reason in await refused(session, f"show({code})")


@pytest.mark.parametrize(
    "code",
    [
        "torch.zeros(1).expand(10**6, 10**6)",
        "torch.zeros(1, dtype=torch.uint8).expand(10**4, 3, 5_000, 5_000)",
        "torch.zeros(1).expand(10**10)",
        "torch.zeros(1).expand(10**5, 10**5, 7, 9)",
    ],
)
async def test_an_immense_tensor_is_drawn_fast(session: KernelSession, code: str) -> None:
    await run(session, f"import time; x = {code}; show(x)")
    outputs = await run(session, "started = time.process_time(); show(x); time.process_time() - started")
    assert any(isinstance(output, Display) and output.plot for output in outputs)
    assert float(result(outputs)) < 1.0


async def test_an_image_as_a_result_has_a_plot(session: KernelSession) -> None:
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


async def test_an_inline_figure_has_a_plot(session: KernelSession) -> None:
    pytest.importorskip("matplotlib")
    code = (
        "import matplotlib.pyplot as plt\n"
        "figure = plt.figure(figsize=(4, 3), facecolor=(1, 0, 0))\n"
        "plt.imshow(torch.tensor([[0.0, 1.0]]), cmap='gray', aspect='auto')\n"
        "plt.axis('off')\n"
        "print('before')"
    )
    outputs = await run(session, code)  # without plt.show(), as in a notebook
    assert printed(outputs) == "before\n"
    (only,) = [output for output in outputs if isinstance(output, Display)]
    assert isinstance(only.plot, ImageGrid)
    assert only.plot.channels == 3
    middle = only.plot.height // 2 * only.plot.width
    left, right = (only.plot.pixels[3 * (middle + x) :][:3] for x in (10, only.plot.width - 10))
    assert (left, right) == (bytes(3), bytes([255] * 3))
    assert only.plot.pixels[:3] == bytes([255, 0, 0])
    assert shown(await run(session, "show(figure)")) == only.plot


async def test_other_results_have_no_plot(session: KernelSession) -> None:
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


async def test_an_invalid_plot_is_dropped_and_reported(session: KernelSession) -> None:
    for invalid in ("{'type': 'images', 'count': 10**9}", "'x' * 10_000_000", "{'a': [1] * 1_000_000}"):
        outputs = await run(session, f"display({{'text/plain': 'text', {MIME_TYPE!r}: {invalid}}}, raw=True); 7")
        (only,) = [output for output in outputs if isinstance(output, Display)]
        assert only.plot is None
        text, reason = only.text.split("\n")
        assert text == "text"
        assert reason
        assert result(outputs) == "7"


async def test_other_representations_stay_in_the_kernel(session: KernelSession) -> None:
    await run(session, "class Rich:\n    def _repr_html_(self): return '<b>'\n    def __repr__(self): return 'plain'")
    (only,) = [output for output in await run(session, "Rich()") if isinstance(output, Result)]
    assert (only.text, only.plot) == ("plain", None)


async def test_show_is_preloaded_and_not_listed_by_who(session: KernelSession) -> None:
    assert "show" not in printed(await run(session, "%who"))
    assert "show" in (await session.complete("sho", 3)).matches
    assert "Draw a value" in str(await session.inspect("show", 4))
    assert not [output for output in await run(session, "show") if isinstance(output, Error)]
