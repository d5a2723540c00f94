"""Requests that prepare a new run."""

from fashion_tui.schema.dataset import DatasetRef, ImageTask
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import Recipe

from .request import Request


class GetPublishedWeights(Request, frozen=True, kw_only=True):
    """Ask where the pretrained weights of a network of torchvision are published; the reply is a PublishedWeights."""

    model: str
    """`torchvision:NAME`."""


class CheckFineTuning(Request, frozen=True, kw_only=True):
    """Ask whether a recipe's network of torchvision can be trained; the reply is a CheckedFineTuning.

    Fails if the network doesn't take the images, if no layer matches a pattern of `Recipe.freeze`, or if the initial
    weights are missing or don't fit.
    """

    recipe: Recipe
    task: ImageTask


class FindLearningRate(Request, frozen=True, kw_only=True):
    """Ask for a learning rate range test on the training images; the reply is a RangeTest.

    Progress is reported as a number of steps, with the result so far. Executes the user's code if `network` isn't None.
    """

    recipe: Recipe
    network: CustomModel | None = None
    """Custom model that replaces the recipe's network."""
    dataset: DatasetRef
    seed: int
    device: str
    """Name in the form that `--device` accepts."""
    steps: int
