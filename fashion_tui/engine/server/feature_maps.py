"""What a step of a run's network makes of a test picture."""

import torch

from fashion_tui.lab.data.datasets import normalise
from fashion_tui.lab.evaluation.feature_maps import as_pictures, as_planes, value_range
from fashion_tui.lab.trace.activations import output_of_step
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.requests import GetFeatureMaps
from fashion_tui.schema.weights import FeatureMaps

from .connection import CallContext
from .kept import Kept
from .weights import trained


def get_feature_maps(request: GetFeatureMaps, call: CallContext, kept: Kept) -> FeatureMaps:
    run = trained(request.run_path, request.checkpoint, kept)
    test, recipe = run.dataset.test, run.config.recipe
    if not 0 <= request.index < len(test):
        raise UsageError(f"there is no test picture {request.index}; there are {len(test)}, counted from 0")
    pixels = test.pixels[request.index : request.index + 1]
    images = normalise(pixels, recipe.mean, recipe.std)
    with call.interruptible():
        model = run.model().eval()
        output, logits = output_of_step(model, images, path=request.path, op=request.op, occurrence=request.occurrence)
    shape = tuple(output.shape[1:]) if output.shape[:1] == (1,) else tuple(output.shape)
    planes = as_planes(output, shape)
    low, high = value_range(planes)
    predicted = int(torch.as_tensor(logits).reshape(-1).argmax())
    return FeatureMaps(
        index=request.index,
        truth=run.dataset.classes[int(test.labels[request.index])],
        predicted=run.dataset.classes[predicted],
        picture=pixels.contiguous().numpy().tobytes(),
        shape=shape,
        maps=as_pictures(planes[request.offset : request.offset + request.count], low, high),
        total=len(planes),
        low=low,
        high=high,
        test_images=len(test),
    )
