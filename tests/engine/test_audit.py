"""An audit in a real engine: it reports progress and can be cancelled."""

import asyncio

import pytest

from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.engine.client import Engine
from fashion_tui.schema.audit import Audit
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.replies import Device
from fashion_tui.schema.requests import AuditDataset, GetDevices

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_engine_still_works_after_a_cancelled_audit(engine: Engine) -> None:
    is_training = asyncio.Event()

    def progress(done: int, total: int) -> None:
        assert total > 14_000, "each image is compared, and then predicted"
        if done > 14_000:
            is_training.set()

    request = AuditDataset(ref=SYNTHETIC, device="cpu")
    call = asyncio.create_task(engine.ask(request, Audit, progress))
    await is_training.wait()
    pid = engine.pid
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await engine.ask(GetDevices(), tuple[Device, ...])
    assert engine.pid == pid


async def test_an_unknown_device_is_refused(engine: Engine) -> None:
    with pytest.raises(UserError, match="'tpu'"):
        await engine.ask(AuditDataset(ref=SYNTHETIC, device="tpu"), Audit)
