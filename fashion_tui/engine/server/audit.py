"""The handler that audits a data set."""

from contextlib import suppress

from fashion_tui.data.audits import store_audit
from fashion_tui.lab.audit.audit import audit_dataset
from fashion_tui.lab.devices import choose_device, free_memory, use_tf32
from fashion_tui.lab.evaluation.metrics import Cancelled
from fashion_tui.schema.audit import Audit
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.requests import AuditDataset

from .cache import Cache
from .connection import CallContext, RequestCancelled


def audit(request: AuditDataset, call: CallContext, cache: Cache) -> Audit:
    device = choose_device(request.device)
    dataset = cache.dataset(request.ref)
    if device.type == "cuda":
        use_tf32()  # as the trainer does
    try:
        result = audit_dataset(dataset, device=device, progress=call.progress, should_stop=call.cancelled)
    except Cancelled:
        raise RequestCancelled from None
    finally:
        free_memory(device)  # so that trainers and other processes can use the memory
    with suppress(UserError):  # the state folder can't be written; the next audit takes as long as this one
        store_audit(result)
    return result
