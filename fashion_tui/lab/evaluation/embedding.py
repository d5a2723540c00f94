"""The embedding of images in a network's penultimate layer, and the nearest images in it.

The embedding of an image is the input of the last linear layer that the network calls. Images that the network treats
alike are close to each other in the embedding.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.networks.forward import explained
from fashion_tui.lab.rng import preserve_rng_state
from fashion_tui.lab.trace.model_copy import copy_model
from fashion_tui.lab.trace.structure import named_modules
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.recipe import Recipe

from .metrics import predict_logits

MAX_EMBEDDING_BYTES = 1 << 30
"""Maximum size of the embedding of a set of images. The guide's network needs 48 MB for 60,000 images."""

QUERY_BLOCK = 1024
EMBEDDING_BLOCK = 8192
"""Numbers of queries and embeddings whose distances are computed at once, which limit the memory to 32 MiB."""

SPARE_CANDIDATES = 16
"""Number of candidates beyond the nearest k whose distances are computed exactly."""


def embedding_layer(model: nn.Module, example: Tensor) -> str | None:
    """Return the path of the last `nn.Linear` that the network calls with one row per image, or None.

    The input of this layer is the embedding. `example` contains normalised images, float32 `[N, C, H, W]`, on any
    device. A copy of the network runs on this device in evaluation mode, so the network stays unchanged.
    """
    if len(example) == 1:
        example = torch.cat([example, example])  # so that the batch axis differs from axes of size 1
    found = _find_layer(copy_model(model, example.device).eval(), example)
    return None if found is None else found[0]


def embed(  # noqa: PLR0913
    model: nn.Module,
    pixels: Tensor,
    recipe: Recipe,
    device: torch.device,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    should_stop: Callable[[], bool] = lambda: False,
    interruptible: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Tensor:
    """Return the embedding of uint8 images `[N, C, H, W]`, as float32 `[N, D]` on the CPU.

    An input of the last linear layer with more than two axes is flattened. A copy of the network runs on `device` in
    evaluation mode, so the network and the global random number generators stay unchanged. The other arguments, and the
    exceptions that they cause, are those of `predict_logits`.

    Raises UserError if the network calls no `nn.Linear` with one row per image, if the embedding would take more than
    MAX_EMBEDDING_BYTES, or if it contains NaN or infinity.
    """
    name, network = type(model).__name__, copy_model(model, device).eval()
    with preserve_rng_state(device):
        example = normalise(pixels[:1].expand(2, -1, -1, -1).to(device), recipe.mean, recipe.std)
        with interruptible():
            found = _find_layer(network, example)
        if found is None:
            raise UserError(
                f"{name} calls no linear layer (nn.Linear) with one row per image, so it has no penultimate layer in "
                "which images can be compared"
            )
        path, dimensions = found
        size = len(pixels) * dimensions * 4
        if size > MAX_EMBEDDING_BYTES:
            raise UserError(
                f"{path} takes {dimensions:,} values per image, which are {size / 2**30:.1f} GiB for {len(pixels):,} "
                f"images; the maximum is {MAX_EMBEDDING_BYTES / 2**30:.0f} GiB"
            )
        embedding = predict_logits(
            _InputOfLayer(network, path), pixels, recipe, device,
            progress=progress, should_stop=should_stop, interruptible=interruptible,
        )  # fmt: skip
    if not embedding.isfinite().all():
        raise UserError(f"the input of {path} contains NaN or infinity, so images can't be compared by it")
    return embedding


def nearest(queries: Tensor, embeddings: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the Euclidean distances and the indices of the `k` nearest embeddings of each query, nearest first.

    `queries` is float32 `[Q, D]`, and `embeddings` is float32 `[N, D]`. Both results are `[Q, min(k, N)]`: float32
    distances and int64 indices. Of equally distant embeddings, the one with the smaller index comes first.

    The candidates are found by matrix products of blocks, and their distances are then computed exactly, because a
    matrix product loses the small differences of large values.
    """
    k = min(k, len(embeddings))
    centre = embeddings.mean(dim=0)  # subtracted, because smaller values lose fewer digits
    distances, indices = torch.empty(len(queries), k), torch.empty(len(queries), k, dtype=torch.int64)
    for start in range(0, len(queries), QUERY_BLOCK):
        block = queries[start : start + QUERY_BLOCK]
        candidates = _candidates(block - centre, embeddings, centre, min(k + SPARE_CANDIDATES, len(embeddings)))
        for row, (query, near) in enumerate(zip(block, candidates.sort(dim=1).values, strict=True), start):
            exact, order = torch.linalg.vector_norm(embeddings[near] - query, dim=1).sort(stable=True)
            distances[row], indices[row] = exact[:k], near[order[:k]]
    return distances, indices


def _candidates(queries: Tensor, embeddings: Tensor, centre: Tensor, count: int) -> Tensor:
    """Return the indices of the `count` embeddings nearest to each query, int64 `[Q, count]`, in any order.

    `centre` has been subtracted from the queries, but not from the embeddings.
    """
    best = queries.new_empty(len(queries), 0)
    indices = torch.empty(len(queries), 0, dtype=torch.int64)
    for start in range(0, len(embeddings), EMBEDDING_BLOCK):
        block = embeddings[start : start + EMBEDDING_BLOCK] - centre
        # The squared norm of the query is the same for all embeddings.
        squared = block.square().sum(dim=1) - 2 * (queries @ block.T)
        best = torch.cat([best, squared], dim=1)
        indices = torch.cat([indices, torch.arange(start, start + len(block)).expand(len(queries), -1)], dim=1)
        best, kept = best.topk(min(count, best.shape[1]), dim=1, largest=False)
        indices = indices.gather(1, kept)
    return indices


class _InputOfLayer(nn.Module):
    """Returns the input of one layer's last call, flattened to `[N, D]`, instead of the network's output."""

    def __init__(self, network: nn.Module, layer: str) -> None:
        super().__init__()
        self.network = network
        self.layer = layer

    def forward(self, images: Tensor) -> Tensor:
        inputs: list[Tensor] = []
        layer = dict(named_modules(self.network))[self.layer]
        handle = layer.register_forward_pre_hook(
            lambda _module, args, kwargs: inputs.append(_first_input(args, kwargs)), with_kwargs=True
        )
        try:
            with explained(self.network, images):
                self.network(images)
        finally:
            handle.remove()
        if not inputs or len(inputs[-1]) != len(images):
            raise UserError(f"{self.layer} isn't called with one row per image for each image")
        return inputs[-1].flatten(start_dim=1)


def _find_layer(network: nn.Module, example: Tensor) -> tuple[str, int] | None:
    """Return the path of the last `nn.Linear` called with one row per image, and its number of values per image."""
    found: tuple[str, int] | None = None
    handles = []

    def watch(path: str, layer: nn.Linear) -> None:
        def record(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            nonlocal found
            values = _first_input(args, kwargs)
            if values.dim() >= 2 and len(values) == len(example):
                found = path, values[0].numel()

        handles.append(layer.register_forward_pre_hook(record, with_kwargs=True))

    try:
        for path, module in named_modules(network):
            if isinstance(module, nn.Linear):
                watch(path, module)
        with torch.no_grad(), preserve_rng_state(example.device), explained(network, example):
            network(example)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _first_input(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Return the input with which an `nn.Linear` was called. It is cloned, because the network may change it later."""
    values: Tensor = args[0] if args else kwargs["input"]
    return values.detach().clone()
