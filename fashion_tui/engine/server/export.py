"""A run's weights as a file for other programs."""

from pathlib import Path

from fashion_tui.lab.networks.export import export_safetensors
from fashion_tui.schema.replies import Exported
from fashion_tui.schema.requests import Export

from .connection import CallContext
from .kept import Kept
from .weights import trained

CHECKED_IMAGES = 256
"""Test images whose logits are compared."""


def export_run(request: Export, call: CallContext, kept: Kept) -> Exported:
    run = trained(request.run_path, request.checkpoint, kept)
    pixels = run.dataset.test.pixels[:CHECKED_IMAGES]
    with call.interruptible():
        model = run.model()
    difference = export_safetensors(model, run.config.recipe, pixels, Path(request.output), run.network)
    return Exported(path=request.output, format=request.format, max_difference=difference)
