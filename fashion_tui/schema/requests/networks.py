"""Requests about networks that needn't be trained: shape traces, costs and initial weights."""

import msgspec

from fashion_tui.schema.dataset import FASHION_TASK, ImageTask
from fashion_tui.schema.inputs import Inputs
from fashion_tui.schema.models import CustomModel, NamedModel
from fashion_tui.schema.recipe import Recipe

from .request import Request


class GetShapes(Request, frozen=True, kw_only=True):
    """Ask for the shape trace of a network; the reply is a ShapeTable.

    The network runs on real values unless that would take too much time or memory.
    """

    model: str
    """A name in `schema.models.MODELS`, `file.py:Class`, `torchvision:NAME` or `timm:NAME`."""
    inputs: Inputs = ()
    """The network's inputs. If empty, the inputs that its library defines, or else an image of the task."""
    task: ImageTask = FASHION_TASK
    arguments: dict[str, object] = msgspec.field(default_factory=dict)
    """Keyword arguments of the model's class."""
    recipe: Recipe | None = None
    """If given, trace the network of torchvision that a run with this recipe trains: with resized images, a layer for
    the classes of the task, and frozen layers."""
    live: bool = False
    """Whether to answer fast. If True, only small networks and networks whose code reads values run on real values; the
    others are traced on the meta device."""
    measure: bool = False
    """Whether to also time each row on a batch of samples."""
    time_limit: float | None = None
    """Time limit in seconds for the network's code, or None for no limit."""


class GetBuiltinSource(Request, frozen=True, kw_only=True):
    """Ask for the source code of a built-in network, so that the user can edit it; the reply is a CustomModel."""

    model: str
    """A name in `schema.models.MODELS`."""


class CheckModel(Request, frozen=True, kw_only=True):
    """Ask whether a custom model can be trained from its source and the modules that it imports from its folder.

    The reply is the same CustomModel with its class name and its modules filled in, or a Failure that says why it can't
    be trained. Executes the user's code.
    """

    network: CustomModel
    task: ImageTask


class TraceSource(Request, frozen=True, kw_only=True):
    """Ask for the shape trace of a custom model; the reply is a SourceTrace.

    Executes the user's code, so send this request to an engine that may be killed at any time.
    """

    network: CustomModel
    inputs: Inputs = ()
    """The network's inputs. If empty, an image of the task."""
    task: ImageTask = FASHION_TASK
    live: bool = False
    """Whether to answer fast. If True, only small networks and networks whose code reads values run on real values; the
    others are traced on the meta device."""
    measure: bool = False
    """Whether to also time each row on a batch of samples."""
    time_limit: float | None = None
    """Time limit in seconds for the network's code, or None for no limit."""


class GetTrainingCosts(Request, frozen=True, kw_only=True):
    """Ask what it costs to train a network on the device that `auto` selects; the reply is a TrainingCosts.

    Executes the user's code if the network is a custom model.
    """

    network: NamedModel | CustomModel
    inputs: Inputs = ()
    """The network's inputs. If empty, the inputs that its library defines, or else an image of the task."""
    task: ImageTask = FASHION_TASK
    recipe: Recipe | None = None
    """If given, measure the network of torchvision that a run with this recipe trains, on images of the task."""


class GetWeights(Request, frozen=True, kw_only=True):
    """Ask for histograms of a network's initial weights with seed 0; the reply is a tuple[Histogram, ...].

    Executes the user's code if the network is a custom model.
    """

    network: NamedModel | CustomModel
    task: ImageTask = FASHION_TASK
