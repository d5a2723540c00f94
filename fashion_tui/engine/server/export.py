"""Handler for requests to export a run."""

from functools import partial
from pathlib import Path

from torch import nn

from fashion_tui.lab.evaluation.metrics import Cancelled
from fashion_tui.lab.export.exporting import export_network
from fashion_tui.lab.export.weights import weights_sha256
from fashion_tui.lab.networks.build import build_network
from fashion_tui.schema.export import ExportMetadata, ExportResult
from fashion_tui.schema.requests import Export
from fashion_tui.trained_run import TrainedRun

from .cache import Cache
from .connection import CallContext, RequestCancelled
from .runs import run_dataset

CHECK_IMAGES = 1_000
"""Number of test images used to compare the logits of the exported file with the logits of the run's network."""


def export_run(request: Export, call: CallContext, cache: Cache) -> ExportResult:
    with TrainedRun.open(Path(request.run_path), request.checkpoint) as trained:
        config = trained.config
        pixels = run_dataset(config, cache).test.pixels[:CHECK_IMAGES]
        with call.interruptible():
            network = trained.network()
        metadata = _metadata(trained, network)
        try:
            difference = export_network(
                network,
                partial(build_network, config.recipe, trained.custom_model, config.task),
                metadata,
                request.format,
                Path(request.output),
                pixels,
                progress=call.progress,
                should_stop=call.cancelled,
            )
        except Cancelled:
            raise RequestCancelled from None
        return ExportResult(
            path=request.output,
            format=request.format,
            images=len(pixels),
            max_difference=difference,
            metadata=metadata,
        )


def _metadata(trained: TrainedRun, network: nn.Module) -> ExportMetadata:
    config = trained.config
    channels = config.image_shape[0]
    mean, std = (each * channels if len(each) == 1 else each for each in (config.recipe.mean, config.recipe.std))
    return ExportMetadata(
        run=config.run,
        step=trained.checkpoint.step,
        dataset=config.dataset.short_name,
        classes=config.classes,
        image_shape=config.image_shape,
        mean=mean,
        std=std,
        weights_sha256=weights_sha256(network),
    )
