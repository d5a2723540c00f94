"""The embedding of images in a run's network. That of the training set is cached on disk."""

import torch
from torch import Tensor

from fashion_tui.data.array_cache import ArrayCache
from fashion_tui.data.stored import cache_directory
from fashion_tui.lab.data.datasets import Dataset
from fashion_tui.lab.devices import free_memory
from fashion_tui.lab.evaluation.embedding import embed
from fashion_tui.lab.evaluation.metrics import Cancelled
from fashion_tui.trained_run import TrainedRun

from .connection import CallContext, RequestCancelled
from .result_keys import network_key, result_key
from .runs import network_on_device

CACHE_BYTES = 2 << 30
"""Maximum size of all cached embeddings. Those of 60,000 images take 48 MB for the guide's network."""


def training_embedding(trained: TrainedRun, dataset: Dataset, call: CallContext) -> Tensor:
    """Return the embedding of all training images, float32 `[N, D]`, including those held out for validation.

    It is computed once for the weights, the network's code and the data set. Progress is reported as a number of
    images. Raises UserError in the same cases as `embed`.
    """
    cache, key, pixels = embedding_cache(), embedding_key(trained, dataset), dataset.train.pixels
    cached = cache.get(key)
    if cached is not None and cached.dtype == "float32" and cached.ndim == 2 and len(cached) == len(pixels):
        return torch.from_numpy(cached)
    embedding = embed_images(trained, pixels, call)
    cache.put(key, embedding.numpy())
    return embedding


def embedding_cache() -> ArrayCache:
    """Return the cache of embeddings and of values computed from them."""
    return ArrayCache(cache_directory("embeddings"), CACHE_BYTES)


def embedding_key(trained: TrainedRun, dataset: Dataset) -> str:
    """Return a key that identifies the weights, the network's code, the normalisation and the data set."""
    return result_key("embedding", network_key(trained), dataset.ref.sha256)


def embed_images(trained: TrainedRun, pixels: Tensor, call: CallContext) -> Tensor:
    """Return the embedding of uint8 images `[N, C, H, W]`, float32 `[N, D]`. Executes the code of a custom model.

    Progress is reported as a number of images. Raises UserError in the same cases as `embed`.
    """
    network, device = network_on_device(trained, call)
    try:
        return embed(
            network, pixels, trained.config.recipe, device,
            progress=call.progress, should_stop=call.cancelled, interruptible=call.interruptible,
        )  # fmt: skip
    except Cancelled:
        raise RequestCancelled from None
    finally:
        del network
        free_memory(device)  # so that trainers and other processes can use the memory
