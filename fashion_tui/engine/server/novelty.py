"""Compare images with the training images of a run. The threshold is cached on disk."""

import numpy as np
from torch import Tensor

from fashion_tui.lab.data.datasets import Dataset
from fashion_tui.lab.evaluation.novelty import novelty_threshold, training_distances
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.prediction import Novelty
from fashion_tui.trained_run import TrainedRun

from .connection import CallContext
from .embeddings import embed_images, embedding_cache, embedding_key, training_embedding


def measure_novelty(pixels: Tensor, trained: TrainedRun, dataset: Dataset, call: CallContext) -> tuple[Novelty, ...]:
    """Return the novelty of uint8 images `[N, C, H, W]`.

    The held-out images are those of the run's validation set or, if it has none, of the test set. Raises UserError in
    the same cases as `embed`, and if no images are held out.
    """
    validation = trained.config.validation
    held_out_images = validation or len(dataset.test)
    if not held_out_images:
        raise UserError("the data set has no test images to compare with")
    embedding = embed_images(trained, pixels, call)
    everything = training_embedding(trained, dataset, call)
    training, held_out = everything.tensor_split([len(everything) - validation])
    threshold = _threshold(training, held_out, trained, dataset, call)
    with call.interruptible():
        distances, indices = training_distances(embedding, training)
    return tuple(
        Novelty(
            distance=distance,
            threshold=threshold,
            held_out="validation" if validation else "test",
            held_out_images=held_out_images,
            nearest=index,
        )
        for distance, index in zip(distances.tolist(), indices.tolist(), strict=True)
    )


def _threshold(training: Tensor, validation: Tensor, trained: TrainedRun, dataset: Dataset, call: CallContext) -> float:
    """Return the threshold, given the embeddings of the training and validation images. Compute it if it isn't cached.

    If there are no validation images, those of the test set are embedded.
    """
    cache = embedding_cache()
    key = f"novelty threshold {len(validation)} {embedding_key(trained, dataset)}"
    cached = cache.get(key)
    if cached is not None and cached.dtype == np.float64 and cached.shape == ():
        return float(cached)
    held_out = validation if len(validation) else embed_images(trained, dataset.test.pixels, call)
    with call.interruptible():
        threshold = novelty_threshold(training, held_out)
    cache.put(key, np.array(threshold))
    return threshold
