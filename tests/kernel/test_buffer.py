"""If outputs come faster than they are read, the newest are kept and the dropped ones are counted."""

import asyncio

from fashion_tui.kernel.buffer import OutputBuffer
from fashion_tui.kernel.limits import MAX_CHARACTERS, MAX_LINES, MAX_PLOT_BYTES
from fashion_tui.kernel.outputs import Display, Done, Dropped, Error, Output, Result, Stream
from fashion_tui.schema.plots import ImageGrid

DONE = Done("ok", 1)


async def contents(buffer: OutputBuffer) -> list[Output]:
    buffer.put(DONE)
    return [output async for output in buffer.until_done()]


async def test_outputs_keep_their_order_and_chunks_of_a_stream_are_joined() -> None:
    buffer = OutputBuffer()
    for output in (
        Stream("stdout", "a"),
        Stream("stdout", "b"),
        Stream("stderr", "c"),
        Result(1, "d"),
        Stream("stdout", "e"),
    ):
        buffer.put(output)
    assert await contents(buffer) == [
        Stream("stdout", "ab"),
        Stream("stderr", "c"),
        Result(1, "d"),
        Stream("stdout", "e"),
        DONE,
    ]


async def test_a_reader_waits_for_the_next_output() -> None:
    buffer = OutputBuffer()
    waiting = asyncio.create_task(buffer.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    buffer.put(Stream("stdout", "late"))
    assert await waiting == Stream("stdout", "late")


async def test_the_newest_lines_of_a_flood_are_kept_and_the_others_counted() -> None:
    buffer = OutputBuffer()
    for number in range(100):
        buffer.put(Stream("stdout", "".join(f"{number}-{line}\n" for line in range(1_000))))
    dropped, kept, last = await contents(buffer)
    assert isinstance(dropped, Dropped)
    assert isinstance(kept, Stream)
    assert dropped.lines + kept.text.count("\n") == 100_000
    assert MAX_LINES <= kept.text.count("\n") < MAX_LINES + 1_000
    assert kept.text.endswith("99-999\n")
    assert last == DONE


async def test_endless_lines_and_empty_outputs_are_bounded() -> None:
    buffer = OutputBuffer()
    for _ in range(100):
        buffer.put(Stream("stdout", "x" * 100_000))
    dropped, kept, _ = await contents(buffer)
    assert isinstance(dropped, Dropped)
    assert isinstance(kept, Stream)
    assert dropped.characters + len(kept.text) == 100 * 100_000
    assert len(kept.text) <= MAX_CHARACTERS

    for _ in range(100_000):
        buffer.put(Display(""))
    assert len(await contents(buffer)) < 10_000


async def test_plots_are_bounded_by_their_size() -> None:
    plot = ImageGrid(count=2, height=160, width=160, channels=3, pixels=bytes(153_600), total=2)
    buffer = OutputBuffer()
    for number in range(20):  # fewer than the limit
        buffer.put(Display(str(number), plot))
    assert len(await contents(buffer)) == 21
    for number in range(200):
        buffer.put(Display(str(number), plot))
    dropped, *kept, _ = await contents(buffer)
    assert isinstance(dropped, Dropped)
    assert dropped.lines + len(kept) == 200
    assert kept[-1] == Display("199", plot)
    assert MAX_PLOT_BYTES <= len(kept) * len(plot.pixels) < MAX_PLOT_BYTES + 2 * len(plot.pixels)


async def test_what_the_kernel_dropped_is_reported_before_the_text() -> None:
    buffer = OutputBuffer()
    buffer.put(Dropped(7, 70))
    buffer.put(Stream("stdout", "new\n"))
    assert await contents(buffer) == [Dropped(7, 70), Stream("stdout", "new\n"), DONE]


async def test_errors_are_never_dropped() -> None:
    error = Error("ValueError", "no", "...")
    buffer = OutputBuffer()
    buffer.put(error)
    for _ in range(100):
        buffer.put(Stream("stdout", "x\n" * 1_000))
    assert error in await contents(buffer)
