"""Requests to inspect a run's network: explanations, feature maps and weights."""

from fashion_tui.schema.dataset import Split
from fashion_tui.schema.explanation import Method

from .request import Request


class Explain(Request, frozen=True, kw_only=True):
    """Ask which pixels of an image matter for a checkpoint's prediction; the reply is a HeatMap.

    Progress is reported as a number of altered images, for the methods that need several. Fails if the method can't be
    applied to the network, and in the same cases as Evaluate.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
    split: Split
    index: int
    """Index of the image in the split. Held-out images are the last ones of the training set."""
    method: Method
    layer: str | None = None
    """Path of the layer for Grad-CAM, or None for the default layer. Other methods ignore it."""
    target: int | None = None
    """Label of the class to explain, or None for the predicted class."""


class GetNeighbours(Request, frozen=True, kw_only=True):
    """Ask for the training images that a checkpoint's network treats most like an image; the reply is a Neighbours.

    Computes the embedding of the training set first if it isn't cached on disk. Progress is reported as a number of
    images. Fails if the network calls no linear layer, and in the same cases as Evaluate.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
    split: Split
    index: int
    """Index of the image in the split. Held-out images are the last ones of the training set."""
    limit: int
    """Maximum number of neighbours to return."""


class GetFeatureMaps(Request, frozen=True, kw_only=True):
    """Ask for the output of a layer or function for one image; the reply is a FeatureMaps.

    Fails with UntrustedSource in the same cases as Evaluate.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
    path: str
    """Path of the row in the shape table."""
    op: str
    """Operation of the row in the shape table."""
    occurrence: int
    """Index among the rows with the same path and operation."""
    split: Split = "test"
    index: int
    """Index of the image in the split."""
    offset: int
    """Index of the first feature map to return."""
    limit: int
    """Maximum number of feature maps to return."""


class GetTrainedWeights(Request, frozen=True, kw_only=True):
    """Ask for histograms of the weights in a run's checkpoint; the reply is a tuple[Histogram, ...].

    Doesn't execute the run's code.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
