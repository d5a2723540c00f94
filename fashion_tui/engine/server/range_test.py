"""The handler that runs a learning rate range test."""

from contextlib import closing

import torch

from fashion_tui.lab.devices import choose_device, free_memory, use_tf32
from fashion_tui.lab.errors import first_line, is_out_of_memory
from fashion_tui.lab.networks.pretrained import weights_file
from fashion_tui.lab.rng import preserve_rng_state
from fashion_tui.lab.training.loop import Training
from fashion_tui.lab.training.range_test import run_range_test
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.range_test import RangeTest
from fashion_tui.schema.requests import FindLearningRate

from .cache import Cache
from .connection import CallContext


def find_learning_rate(request: FindLearningRate, call: CallContext, cache: Cache) -> RangeTest:
    device = choose_device(request.device)
    dataset = cache.dataset(request.dataset)
    if device.type == "cuda":
        use_tf32()  # as the trainer does
    try:
        with preserve_rng_state(device):
            with call.interruptible():
                training = Training(
                    request.recipe,
                    dataset.train,
                    classes=len(dataset.classes),
                    device=device,
                    seed=request.seed,
                    network=request.network,
                    weights=weights_file(request.recipe),
                )
            return _run(training, request, call)
    except Exception as error:
        explained = _explain(error, request, device)
        if explained is None:
            raise
        raise explained from error
    finally:
        free_memory(device)  # so that trainers and other processes can use the memory


def _run(training: Training, request: FindLearningRate, call: CallContext) -> RangeTest:
    with closing(run_range_test(training, steps=request.steps)) as results:
        while True:
            with call.interruptible():
                result = next(results)
            call.progress(len(result.losses), result.steps, result)
            if result.has_ended:
                return result


def _explain(error: Exception, request: FindLearningRate, device: torch.device) -> UserError | None:
    """Return an error with advice for a known cause, an error that names the user's code, or None."""
    if isinstance(error, UserError):
        return None
    if is_out_of_memory(error):
        return UserError(
            f"{device} has too little memory for a batch of {request.recipe.batch_size}: try a smaller batch size, or "
            "another device"
        )
    if request.network is not None:
        return UserError(f"{request.recipe.model} can't be trained: {type(error).__name__}: {first_line(error)}")
    return None
