"""The handler that shows what happens to an image before the network gets it."""

from fashion_tui.lab.data.transforms import transform_image
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.requests import GetTransforms
from fashion_tui.schema.transforms import Transforms

from .cache import Cache
from .connection import CallContext


def get_transforms(request: GetTransforms, _call: CallContext, cache: Cache) -> Transforms:
    dataset = cache.dataset(request.ref)
    images = dataset.train if request.split == "train" else dataset.test
    if not 0 <= request.index < len(images):
        raise UsageError(f"there is no image {request.index:,}; the set has {len(images):,} images")
    return transform_image(images, dataset.train, request.index, request.recipe, draw=request.draw, nrow=request.nrow)
