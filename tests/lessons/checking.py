"""Run the cells of a lesson in a kernel and check the claims of its cards."""

import asyncio
import re

from fashion_tui.kernel.outputs import Display, InputRequested, Output, Result, Stream
from fashion_tui.kernel.session import KernelSession
from fashion_tui.lessons.reader import Lesson
from fashion_tui.schema.plots import ImageGrid
from fashion_tui.schema.tensors import Graph, ListTensors, OpenGraph, TensorList
from tests.kernel.cells import PATIENCE, done, result, run

from .claims import CLAIMS, CLOSINGS, Claims

_CLEAR = """
torch, net, train_data  # wait until they are loaded
def _clear(namespace, preloaded):
    for name in [name for name in namespace if not name.startswith("_") and name not in preloaded]:
        del namespace[name]
    namespace.update(preloaded)
_clear(get_ipython().user_ns, get_ipython().user_ns_hidden)
"""

_HELPERS = """
def message_of(code):
    try:
        eval(code, globals())
    except Exception as error:
        return str(error)
    return ""
"""
"""Defines a function for claims: it returns the message of the error that an expression raises."""


async def clear_namespace(session: KernelSession) -> None:
    """Restore the namespace of a new kernel. This is much faster than a restart."""
    assert done(await run(session, _CLEAR)).status == "ok"


async def check_lesson(session: KernelSession, lesson: Lesson) -> None:
    await run(session, _HELPERS)
    for number, (step, claims) in enumerate(zip(lesson.steps, CLAIMS[lesson.id], strict=True), 1):
        for tries_left in reversed(range(claims.tries)):
            outputs = await run_and_answer(session, step.code, claims.answers)
            shown = "".join(output.text for output in outputs if isinstance(output, Stream | Result))
            where = f"{lesson.id}, cell {number}, which showed: {shown}"
            assert done(outputs).status == "ok", f"{where}\n{_errors(outputs)}"
            assert any(is_image(output) for output in outputs) == claims.draws, where
            try:
                await _check(session, claims, shown, where)
            except AssertionError:
                if not tries_left:
                    raise
            else:
                break
    if lesson.id in CLOSINGS:
        await _check(session, CLOSINGS[lesson.id], "", f"the end of {lesson.id}")


async def run_and_answer(session: KernelSession, code: str, answers: tuple[str, ...]) -> list[Output]:
    """Run a cell, and answer each of its questions. All answers must be used."""
    remaining = list(answers)
    outputs = []
    async with asyncio.timeout(PATIENCE):
        async for output in session.execute(code):
            outputs.append(output)
            if isinstance(output, InputRequested):
                await session.send_input(remaining.pop(0))
    assert not remaining, outputs
    return outputs


def is_image(output: Output) -> bool:
    return isinstance(output, Display | Result) and isinstance(output.plot, ImageGrid)


async def _check(session: KernelSession, claims: Claims, shown: str, where: str) -> None:
    for pattern in claims.shows:
        assert re.search(pattern, shown, re.DOTALL), f"{pattern!r} isn't shown in {where}"
    false_claims = result(await run(session, f"[claim for claim in {claims.holds} if not eval(claim)]"))
    assert false_claims == "[]", f"{false_claims} in {where}"

    if claims.rows or claims.together:
        tensors = await session.probe(ListTensors(), TensorList, max_wait=30)
        assert tensors is not None
        rows = {row.name: row for row in tensors.rows}
        for name, fields in claims.rows.items():
            assert {field: getattr(rows[name], field) for field in fields} == fields, where
        groups = {rows[name].memory_group for name in claims.together}
        if claims.together:
            assert len(groups) == 1, where
            assert groups != {0}, where
        assert not groups & {rows[name].memory_group for name in claims.apart}, where

    if claims.grads is not None:
        graph = await session.probe(OpenGraph(name="L"), Graph, max_wait=30)
        assert graph is not None
        assert {
            node.name: node.grad_statistics and node.grad_statistics.mean for node in graph.nodes
        } == claims.grads, where


def _errors(outputs: list[Output]) -> str:
    return "\n".join(str(output) for output in outputs if not isinstance(output, Stream | Result))
