"""A copy of a network whose predictions are explained, so that the network itself stays unchanged."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn

from fashion_tui.lab.networks.custom import explain_error
from fashion_tui.lab.networks.forward import explained
from fashion_tui.lab.rng import CPU, preserve_rng_state, seed_everything
from fashion_tui.lab.trace.model_copy import copy_model
from fashion_tui.schema.errors import UsageError, UserError


class Classifier:
    """A copy of a network, in evaluation mode, that takes images of any shape `[N, C, H, W]` and returns logits.

    The network's weights, buffers, gradients, hooks and mode stay unchanged, even if an explanation fails.

    Run the network's code, including its backward pass, in the context that `running` returns. `interruptible` returns
    a context that may raise an exception to interrupt this code.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        device: torch.device = CPU,
        interruptible: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.name = type(model).__name__
        self.device = device
        self.network = copy_model(model, device).eval()
        self._interruptible = interruptible

    @contextmanager
    def running(self) -> Iterator[None]:
        """Seed the global random number generators in the `with` block, and restore their state on exit.

        A network that draws random numbers in evaluation mode therefore draws the same ones each time.

        An exception in the network's code is raised as a UserError that names the failing line.
        """
        with preserve_rng_state(self.device):
            seed_everything(0)
            try:
                with self._interruptible():
                    yield
            except (Exception, SystemExit) as error:
                raise explain_error(error, f"{self.name} fails on this image: ") from error

    def __call__(self, images: Tensor) -> Tensor:
        """Return the logits `[N, K]` of normalised images `[N, C, H, W]`. Raises UserError for any other output."""
        with explained(self.network, images):
            logits: object = self.network(images.clone())  # the network may change its input in place
        if isinstance(logits, Tensor) and logits.is_floating_point() and logits.shape[:-1] == images.shape[:1]:
            return logits
        raise UserError(f"{self.name} doesn't return one row of float logits for each image")

    def predict(self, image: Tensor) -> Tensor:
        """Return the logits of one normalised image `[C, H, W]`, float32 `[K]` on the CPU.

        Raises UserError if the logits give no probabilities, because they contain NaN or infinity.
        """
        with self.running(), torch.no_grad():
            logits = self(image[None].to(self.device))[0].float().cpu()
        if logits.softmax(dim=0).isnan().any():
            raise UserError(f"{self.name} returns NaN or infinity for this image, so its prediction can't be explained")
        return logits


def choose_target(logits: Tensor, target: int | None) -> int:
    """Return the class to explain: `target`, or the predicted class if it is None. `logits` has the shape `[K]`.

    Raises UsageError if there is no such class.
    """
    if target is None:
        return int(logits.argmax())
    if not 0 <= target < len(logits):
        raise UsageError(f"class is {target}; it must be between 0 and {len(logits) - 1}")
    return target


def gradient_of(score: Tensor, tensor: Tensor) -> Tensor | None:
    """Return the gradient of a scalar with respect to a tensor, or None if the scalar doesn't depend on the tensor."""
    if not (score.requires_grad and tensor.requires_grad):
        return None
    gradient: Tensor | None = torch.autograd.grad(score, tensor, allow_unused=True)[0]
    return gradient
