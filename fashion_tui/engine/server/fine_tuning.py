"""Handlers for fine-tuning torchvision's networks."""

import msgspec

from fashion_tui.data.pretrained import file_sha256
from fashion_tui.lab.networks.fine_tuning import check_fine_tuned, published_weights
from fashion_tui.lab.networks.pretrained import check_weights, weights_file
from fashion_tui.schema.fine_tuning import CheckedFineTuning, PublishedWeights
from fashion_tui.schema.requests import CheckFineTuning, GetPublishedWeights

from .cache import Cache
from .connection import CallContext


def get_published_weights(request: GetPublishedWeights, _call: CallContext, _cache: Cache) -> PublishedWeights:
    return published_weights(request.model)


def check_fine_tuning(request: CheckFineTuning, call: CallContext, _cache: Cache) -> CheckedFineTuning:
    with call.interruptible():
        network = check_fine_tuned(request.recipe, request.task)
        recipe = msgspec.structs.replace(request.recipe, input_size=network.size)
        file = weights_file(recipe)
        if file is None:
            return CheckedFineTuning(recipe=recipe)
        check_weights(network, file, recipe.model)
        return CheckedFineTuning(recipe=recipe, weights_sha256=file_sha256(file.path))
