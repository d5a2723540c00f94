"""A real kernel answers probes of the user's tensors."""

import asyncio

import pytest

from fashion_tui.kernel.outputs import Stream
from fashion_tui.kernel.session import KernelSession
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.kernel import ListVariables
from fashion_tui.schema.reshaping import ReshapeResult, TryReshape
from fashion_tui.schema.tensors import ExpandGraph, Graph, ListTensors, OpenGraph, ReadTensor, TensorList, TensorValues

from .cells import PATIENCE, run, run_until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def listed(session: KernelSession) -> TensorList:
    """Wait until torch is imported, then return the list of tensors."""
    async with asyncio.timeout(PATIENCE):
        while (tensors := await session.probe(ListTensors(), TensorList)) is None:  # noqa: ASYNC110 -- no event tells when
            await asyncio.sleep(0.05)
    return tensors


async def test_only_the_users_tensors_are_listed(session: KernelSession) -> None:
    of_other_tests = {row.name for row in (await listed(session)).rows}

    async def names() -> list[str]:
        return [row.name for row in (await listed(session)).rows if row.name not in of_other_tests]

    await run(session, "torch; import numpy as np; x = torch.arange(3.0, requires_grad=True); a = np.ones(2); x * 2")
    assert await names() == ["x", "a"]
    await run(session, "net = nn.Linear(2, 1)")  # the user's `net` is listed, but the preloaded one isn't
    assert await names() == ["x", "a", "net.weight", "net.bias"]
    await run(session, "del x, a, net")
    assert await names() == []


async def test_the_graph_shows_gradients_after_backward(session: KernelSession) -> None:
    await run(session, "A, B, D = (torch.tensor(value, requires_grad=True) for value in (3.0, 2.0, 4.0))")
    await run(session, "C = A * B; C.retain_grad(); L = C + D")
    graph = await session.probe(OpenGraph(name="L"), Graph)
    assert graph is not None
    assert all(node.grad_statistics is None for node in graph.nodes)
    await run(session, "L.backward()")
    again = await session.probe(OpenGraph(name="L"), Graph)
    assert again is not None
    assert {node.name: node.grad_statistics.mean for node in again.nodes if node.grad_statistics} == {
        "A": 2.0,
        "B": 3.0,
        "C": 1.0,
        "D": 1.0,
    }
    with pytest.raises(UserError, match="99"):
        await session.probe(ExpandGraph(node=99), Graph)
    with pytest.raises(UserError, match="nothing"):
        await session.probe(OpenGraph(name="nothing"), Graph)


async def test_values_and_reshaping_of_a_tensor(session: KernelSession) -> None:
    await run(session, "table = torch.arange(12).reshape(3, 4).T")
    values = await session.probe(ReadTensor(name="table", rows=2, columns=2), TensorValues)
    assert values is not None
    assert values.window is not None
    assert values.window.values == (0.0, 4.0, 1.0, 5.0)
    probe = TryReshape(shape=values.row.shape, strides=values.row.strides, operation="view", arguments="12")
    reshaping = await session.probe(probe, ReshapeResult)
    assert reshaping is not None
    assert reshaping.problem.startswith("view size is not compatible")


async def test_no_redefinition_by_the_user_breaks_the_answer(session: KernelSession) -> None:
    await run(session, "kept = torch.ones(3)")
    await run(
        session,
        """
        import builtins, json
        len = sorted = isinstance = tuple = dict = None
        def broken(*_, **__): raise RuntimeError("broken")
        class Loud(torch.Tensor):
            __torch_function__ = classmethod(broken)
            __repr__ = broken
        class Odd:
            __class__ = property(broken)
            __eq__ = __hash__ = __bool__ = __getattr__ = broken
        odd, loud, ListTensors, _ = Odd(), torch.zeros(2).as_subclass(Loud), 0, 0
        """,
    )
    rows = {row.name: row for row in (await listed(session)).rows}
    assert {"kept", "loud"} <= set(rows)
    assert rows["loud"].statistics is not None


async def test_odd_names_and_tensors_affect_only_their_own_rows(session: KernelSession) -> None:
    await run(
        session,
        """
        globals()[5] = globals()['\\ud800'] = torch.ones(2)
        nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
        jagged = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)
        z = torch.ones(4)
        """,
    )
    rows = {row.name: row for row in (await listed(session)).rows}
    assert {"\\ud800", "nested", "jagged", "z"} <= set(rows)
    assert rows["z"].shape == (4,)
    assert rows["nested"].problem
    assert not rows["nested"].has_shape
    assert rows["jagged"].dtype == "float32"


async def test_probes_are_answered_while_a_cell_runs(session: KernelSession) -> None:
    await run(session, "kept = torch.ones(3)")
    endless = await run_until(
        session, "print('started', flush=True)\nwhile True: pass", lambda output: isinstance(output, Stream)
    )
    try:
        assert (await listed(session)).rows
    finally:
        await session.interrupt()
        await endless


async def test_a_tensor_of_a_hundred_million_values_is_listed_fast(session: KernelSession) -> None:
    await run(session, "big = torch.zeros(100_000, 1000); big[:, ::2] = 1")
    await listed(session)
    seconds = [(await listed(session)).seconds for _ in range(5)]
    assert min(seconds) < 0.05
    row = next(row for row in (await listed(session)).rows if row.name == "big")
    assert row.statistics is not None
    assert row.statistics.sample_size
    assert row.statistics.mean == pytest.approx(0.5, abs=0.02)
    await run(session, "del big")


async def test_the_names_of_the_users_variables(session: KernelSession) -> None:
    await listed(session)
    names = await session.probe(ListVariables(), tuple[str, ...])
    assert names is not None
    await run(session, "import math; _private = 1; new = 2\ndef function(): pass")
    changed = await session.probe(ListVariables(), tuple[str, ...])
    assert changed is not None
    assert set(changed) - set(names) == {"new", "function"}
    await run(session, "del new, function")
