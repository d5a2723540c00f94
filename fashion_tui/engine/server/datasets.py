"""The handler that prepares a data set."""

from fashion_tui.data.stored import Cancelled
from fashion_tui.lab.data.datasets import prepare
from fashion_tui.schema.dataset import DatasetInfo
from fashion_tui.schema.requests import PrepareDataset

from .cache import Cache
from .connection import CallContext, RequestCancelled


def prepare_dataset(request: PrepareDataset, call: CallContext, _cache: Cache) -> DatasetInfo:
    try:
        return prepare(request.ref, call.progress, call.cancelled).info
    except Cancelled:
        raise RequestCancelled from None
