"""The engine's main thread, which answers one call at a time."""

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fashion_tui.engine.protocol import Call, Failure, Reply, ToClient, encode_result
from fashion_tui.lab.errors import breaks_device
from fashion_tui.lab.networks.custom import SourceError, explain_error
from fashion_tui.schema import requests
from fashion_tui.schema.errors import UntrustedSource, UserError
from fashion_tui.schema.text import printable

from .audit import audit
from .baselines import find_baselines, get_baselines
from .cache import Cache
from .comparison import compare_runs
from .connection import CallContext, Connection, RequestCancelled
from .datasets import prepare_dataset
from .devices import find_device, get_devices, get_torch_report
from .divergence import compare_step
from .evaluation import evaluate_run, get_predictions
from .explanations import explain_prediction, get_neighbours
from .export import export_run
from .fine_tuning import check_fine_tuning, get_published_weights
from .model_check import check_model
from .networks import get_builtin_source, get_shapes, get_training_costs, get_weights, trace_source
from .prediction import predict_images
from .predictions_file import write_predictions_file
from .range_test import find_learning_rate
from .robustness import measure_robustness
from .runs import get_feature_maps, get_trained_weights
from .transforms import get_transforms
from .verification import verify_run

CANCELLED = 130

Handler = Callable[[Any, CallContext, Cache], object]

HANDLERS: Mapping[type[requests.Request], Handler] = {
    requests.GetDevices: get_devices,
    requests.FindDevice: find_device,
    requests.PrepareDataset: prepare_dataset,
    requests.GetShapes: get_shapes,
    requests.GetBuiltinSource: get_builtin_source,
    requests.CheckModel: check_model,
    requests.GetPublishedWeights: get_published_weights,
    requests.CheckFineTuning: check_fine_tuning,
    requests.TraceSource: trace_source,
    requests.GetTrainingCosts: get_training_costs,
    requests.GetWeights: get_weights,
    requests.GetTrainedWeights: get_trained_weights,
    requests.GetFeatureMaps: get_feature_maps,
    requests.Evaluate: evaluate_run,
    requests.GetPredictions: get_predictions,
    requests.Explain: explain_prediction,
    requests.GetNeighbours: get_neighbours,
    requests.FindBaselines: find_baselines,
    requests.GetBaselines: get_baselines,
    requests.MeasureRobustness: measure_robustness,
    requests.CompareRuns: compare_runs,
    requests.Predict: predict_images,
    requests.WritePredictions: write_predictions_file,
    requests.Export: export_run,
    requests.Verify: verify_run,
    requests.CompareStep: compare_step,
    requests.FindLearningRate: find_learning_rate,
    requests.AuditDataset: audit,
    requests.GetTransforms: get_transforms,
    requests.GetTorchReport: get_torch_report,
}


def serve(connection: Connection) -> None:
    """Answer calls. When the client disconnects, the process exits.

    This function returns only after an error that makes the GPU unusable for this process. The client then starts a
    new process.
    """
    cache = Cache()
    for call in connection.calls():
        connection.send(_answer(call, connection, cache))
        if connection.must_end:
            return


def _answer(call: Call, connection: Connection, cache: Cache) -> ToClient:
    handle = HANDLERS[type(call.request)]
    try:
        return Reply(call.id, encode_result(handle(call.request, CallContext(connection, call.id), cache)))
    except RequestCancelled:
        return Failure(call.id, "cancelled", CANCELLED)
    except UserError as error:
        message = " ".join(str(error).split())
        is_untrusted = isinstance(error, UntrustedSource)
        return Failure(call.id, message, error.exit_code, untrusted=is_untrusted, fields=error.fields)
    except KeyboardInterrupt as error:  # raised by the user's code, because Ctrl-C doesn't reach this process
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return Failure(call.id, f"line {frame.lineno} of {Path(frame.filename).name} raised KeyboardInterrupt", 1)
    except BaseException as error:  # noqa: BLE001 - raised by the user's code, or a bug, whose traceback is logged
        raised = explain_error(error)
        if isinstance(raised, SourceError) and not breaks_device(error):
            return Failure(call.id, str(raised), 1)
        traceback.print_exc()
        connection.keep_log = True
        connection.must_end = breaks_device(error)
        first_line = str(error).strip().split("\n", 1)[0]
        reason = type(error).__name__ + (f": {printable(first_line)}" if first_line else "")
        return Failure(call.id, f"{type(call.request).__name__} failed: {reason}; see {connection.log}", 1)
