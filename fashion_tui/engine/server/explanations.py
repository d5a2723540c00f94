"""Handlers that explain a run's prediction for one image: heat maps and the nearest training images."""

from pathlib import Path

from fashion_tui.lab.data.datasets import Dataset, Images, hold_out
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.evaluation.embedding import nearest
from fashion_tui.lab.explain import Classifier, choose_target, explain, find_layers, scale_to_one
from fashion_tui.schema.dataset import Split
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.explanation import HeatMap, Neighbour, Neighbours
from fashion_tui.schema.requests import Explain, GetNeighbours
from fashion_tui.trained_run import TrainedRun

from .cache import Cache
from .connection import CallContext
from .embeddings import embed_images, training_embedding
from .runs import run_dataset


def explain_prediction(request: Explain, call: CallContext, cache: Cache) -> HeatMap:
    with TrainedRun.open(Path(request.run_path), request.checkpoint) as trained:
        dataset, recipe = run_dataset(trained.config, cache), trained.config.recipe
        images = _images(dataset, request.split, request.index)
        pixels = images.pixels[request.index]
        image = normalise(pixels[None], recipe.mean, recipe.std)[0]
        with call.interruptible():
            network = trained.network()
    classifier = Classifier(network, interruptible=call.interruptible)
    logits = classifier.predict(image)
    target = choose_target(logits, request.target)
    layer: str | None = None
    layers: tuple[str, ...] = ()
    if request.method == "grad-cam":
        found = find_layers(classifier, image)
        layer, layers = found.choose(request.layer), found.paths
    heat_map = explain(classifier, image, target, request.method, layer=layer, progress=call.progress)
    values, scale = scale_to_one(heat_map)
    return HeatMap(
        method=request.method,
        target=target,
        truth=int(images.labels[request.index]),
        probabilities=tuple(logits.double().softmax(dim=0).tolist()),
        image=pixels.contiguous().numpy().tobytes(),
        image_shape=images.shape,
        values=values.contiguous().numpy().tobytes(),
        scale=scale,
        layer=layer,
        layers=layers,
    )


def get_neighbours(request: GetNeighbours, call: CallContext, cache: Cache) -> Neighbours:
    with TrainedRun.open(Path(request.run_path), request.checkpoint) as trained:
        dataset = run_dataset(trained.config, cache)
        images = _images(dataset, request.split, request.index)
        training, _ = hold_out(dataset.train, trained.config.validation)
        embedding = training_embedding(trained, dataset, call)
        if request.split == "train":
            query = embedding[request.index : request.index + 1]
        else:
            query = embed_images(trained, images.pixels[request.index : request.index + 1], call)
    distances, indices = nearest(query, embedding[: len(training)], request.limit + 1)
    found = [
        Neighbour(
            index=index,
            label=int(training.labels[index]),
            distance=distance,
            image=training.pixels[index].contiguous().numpy().tobytes(),
        )
        for distance, index in zip(distances[0].tolist(), indices[0].tolist(), strict=True)
        if request.split == "test" or index != request.index
    ]
    return Neighbours(
        dimensions=embedding.shape[1],
        training_images=len(training),
        image_shape=training.shape,
        neighbours=tuple(found[: request.limit]),
    )


def _images(dataset: Dataset, split: Split, index: int) -> Images:
    """Return the images of a split. Raises UsageError if it has no image with this index."""
    images = dataset.train if split == "train" else dataset.test
    if not 0 <= index < len(images):
        raise UsageError(f"image is {index}; it must be between 0 and {len(images) - 1:,}")
    return images
