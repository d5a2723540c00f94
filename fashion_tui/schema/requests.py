"""Requests from the panes and commands to the engine. Each docstring names the type of the reply."""

from typing import Annotated, Literal

import msgspec

from .dataset import FASHION_TASK, DatasetRef, ImageTask, Split
from .evaluation import EvaluationSplit, PredictionOrder
from .explanation import Method
from .export import ExportFormat
from .inputs import Inputs
from .models import CustomModel, NamedModel
from .recipe import Recipe


class Request(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base class of all requests."""


class GetDevices(Request, frozen=True, kw_only=True):
    """Ask for this machine's devices. The reply is a tuple[Device, ...] with the CPU first."""


class FindDevice(Request, frozen=True, kw_only=True):
    """Ask which device a name refers to; the reply is a Device, or a Failure if this machine has no such device."""

    name: str
    """Name in the form that `--device` accepts."""


class PrepareDataset(Request, frozen=True, kw_only=True):
    """Ask to verify, convert or draw a data set, so that any process can map its images; the reply is a DatasetInfo.

    Progress is reported as a number of files or images.
    """

    ref: DatasetRef


class GetShapes(Request, frozen=True, kw_only=True):
    """Ask for the shape trace of a network; the reply is a ShapeTable.

    The network runs on real values unless that would take too much time or memory.
    """

    model: str
    """A name in `schema.models.MODELS`, `file.py:Class`, `torchvision:NAME` or `timm:NAME`."""
    inputs: Inputs = ()
    """The network's inputs. If empty, the inputs that its library defines, or else an image of the task."""
    task: ImageTask = FASHION_TASK
    arguments: dict[str, object] = {}
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


class GetWeights(Request, frozen=True, kw_only=True):
    """Ask for histograms of a network's initial weights with seed 0; the reply is a tuple[Histogram, ...].

    Executes the user's code if the network is a custom model.
    """

    network: NamedModel | CustomModel
    task: ImageTask = FASHION_TASK


class GetTrainedWeights(Request, frozen=True, kw_only=True):
    """Ask for histograms of the weights in a run's checkpoint; the reply is a tuple[Histogram, ...].

    Doesn't execute the run's code.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""


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


class Evaluate(Request, frozen=True, kw_only=True):
    """Ask for the metrics of a checkpoint on a split; the reply is an Evaluation.

    If the recipe flips images, the mirror images are evaluated, too. Progress is reported as a number of images. Fails
    with UntrustedSource if the run's network is code that the user has neither executed before nor trusted.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
    split: EvaluationSplit = "test"


class GetPredictions(Request, frozen=True, kw_only=True):
    """Ask for predictions of a checkpoint on a split; the reply is a PredictionPage.

    Evaluates the checkpoint first if necessary. Fails in the same cases as Evaluate.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
    split: EvaluationSplit = "test"
    outcome: Literal["all", "wrong", "correct"]
    """Which predictions to include."""
    truth: int | None
    """True class of the images, or None for all classes."""
    predicted: int | None
    """Predicted class of the images, or None for all classes."""
    indices: tuple[int, ...] | None = None
    """Indices of the images in the test or training set, or None for all images of the split."""
    sort: PredictionOrder
    offset: int
    limit: int
    """Maximum number of predictions to return."""


class GetBaselines(Request, frozen=True, kw_only=True):
    """Ask how accurate simple models are on a run's data set; the reply is a Baselines.

    For the test set, the models are fitted to the whole training set, and for the held-out images, to the rest of it.
    The result is stored on disk. Progress is reported as a percentage.
    """

    run_path: str
    split: EvaluationSplit = "test"


class MeasureRobustness(Request, frozen=True, kw_only=True):
    """Ask for the accuracy of a checkpoint on corrupted images; the reply is a Robustness.

    Progress is reported as a number of accuracies, with the result so far. Fails in the same cases as Evaluate.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
    split: EvaluationSplit = "test"
    max_images: int = 10_000
    """Maximum number of images. A random sample is drawn from a larger split."""


class CompareRuns(Request, frozen=True, kw_only=True):
    """Ask how the predictions of two runs differ on the same images; the reply is a PredictionComparison.

    Evaluates the checkpoints first if necessary. Fails in the same cases as Evaluate, and if the runs were trained on
    different data sets.
    """

    run_path: str
    other_path: str
    checkpoint: str = "final"
    """Checkpoint of the first run: `final`, `best`, or a step number."""
    other_checkpoint: str = "final"
    split: EvaluationSplit = "test"


class Predict(Request, frozen=True, kw_only=True):
    """Ask for predictions of a checkpoint for image files; the reply is a Predicted.

    An image that can't be read doesn't affect the others. Progress is reported as a number of images of the run's data
    set, which are compared with the given images. Fails in the same cases as Evaluate.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
    images: tuple[str, ...]
    """Paths of the image files."""


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


class WritePredictions(Request, frozen=True, kw_only=True):
    """Ask to write the predictions of a checkpoint on a split to a CSV file; the reply is a PredictionsFile.

    Evaluates the checkpoint first if necessary. Progress is reported as a number of images. Fails in the same cases as
    Evaluate.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
    split: EvaluationSplit = "test"
    output: str
    """Path of the file to write."""


class Export(Request, frozen=True, kw_only=True):
    """Ask to export a checkpoint to a file; the reply is an ExportResult.

    Progress is reported as a number of compared images. Fails with UntrustedSource in the same cases as Evaluate.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
    format: ExportFormat
    output: str
    """Path of the file to write."""


class Verify(Request, frozen=True, kw_only=True):
    """Ask to repeat steps of a run and to compare them bit for bit; the reply is a Verification.

    Progress is reported as a number of steps. Fails with UntrustedSource in the same cases as Evaluate. The engine uses
    the run's number of threads from then on, so close the engine afterwards.
    """

    run_path: str
    steps: int
    """Number of steps to repeat."""


class CompareStep(Request, frozen=True, kw_only=True):
    """Ask whether a step of two runs had the same batch and weights; the reply is a StepComparison.

    Doesn't execute the runs' code.
    """

    run_path: str
    other_path: str
    step: int


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


class AuditDataset(Request, frozen=True, kw_only=True):
    """Ask for duplicates and labels that are probably wrong in a data set; the reply is an Audit.

    Progress is reported as a number of images. The result is stored; see `data.audits.stored_audit`.
    """

    ref: DatasetRef
    device: str = "auto"
    """Name in the form that `--device` accepts."""


class GetTransforms(Request, frozen=True, kw_only=True):
    """Ask what happens to an image before the network gets it in training; the reply is a Transforms."""

    ref: DatasetRef
    split: Split
    index: int
    """Index of the image in the split."""
    recipe: Recipe
    """A recipe that suits the data set; see `schema.recipe.adapt`."""
    draw: int
    """Seed of the augmentation and of the batch."""
    nrow: Annotated[int, msgspec.Meta(ge=1, le=64)] = 8
    """Number of images in each row of the grid."""


class GetTorchReport(Request, frozen=True, kw_only=True):
    """Ask for torch's version and devices, for `doctor`; the reply is a tuple[HealthCheck, ...]."""


AnyRequest = (
    GetDevices
    | FindDevice
    | PrepareDataset
    | GetShapes
    | GetBuiltinSource
    | CheckModel
    | GetPublishedWeights
    | CheckFineTuning
    | TraceSource
    | GetTrainingCosts
    | GetWeights
    | GetTrainedWeights
    | GetFeatureMaps
    | Evaluate
    | GetPredictions
    | WritePredictions
    | GetBaselines
    | MeasureRobustness
    | CompareRuns
    | Predict
    | Explain
    | GetNeighbours
    | Export
    | Verify
    | CompareStep
    | FindLearningRate
    | AuditDataset
    | GetTransforms
    | GetTorchReport
)
