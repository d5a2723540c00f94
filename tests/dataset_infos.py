"""Summaries of data sets for tests that replace the images."""

import msgspec

from fashion_tui.data.sources import SYNTHETIC_INFO
from fashion_tui.schema.dataset import DatasetInfo, DatasetRef


def info_for(ref: DatasetRef) -> DatasetInfo:
    """Return a summary with ten classes of 1×28×28 images, as if the data set were the synthetic one."""
    return msgspec.structs.replace(SYNTHETIC_INFO, ref=ref)
