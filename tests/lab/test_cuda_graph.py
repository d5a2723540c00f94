"""CUDA graphs and the queue of steps, on a simulated device. `tests/gpu` repeats the comparisons on a real GPU."""

import copy
from typing import Any

import msgspec
import pytest
import torch

from fashion_tui.lab.training.cuda_graph import MAX_QUEUED_SECONDS, StepQueue
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.builtin_recipes import QUICK, RECIPES
from fashion_tui.schema.recipe import Recipe
from tests.custom_models import custom_model
from tests.gpu import test_graphs
from tests.gpu import test_training as gpu_tests

from .fake_cuda import FakeClock, FakeEvent, fake_cuda
from .test_training import NARROW_RECIPES, bits, run, striped

CUDA = torch.device("cuda")
STEPS = 4
"""Number of steps that span two epochs. The third step is the last of its epoch and has a smaller batch."""


def begin(recipe: Recipe, **options: Any) -> Training:
    recipe = msgspec.structs.replace(recipe, batch_size=8, crop=2)
    return Training(recipe, striped(20), device=CUDA, seed=2, **options)


def break_capture(training: Training) -> None:
    """Make each step read a value from the device, which is forbidden during a capture."""
    step = training._make_step._step  # type: ignore[attr-defined]

    def synchronising(*arguments: Any) -> Any:
        loss, correct = step(*arguments)
        loss.item()
        return loss, correct

    training._make_step._step = synchronising  # type: ignore[attr-defined]


FIELDS: list[dict[str, Any]] = [
    {"optimizer": "adamw", "weight_decay": 0.1, "schedule": "cosine", "max_gradient_norm": 0.5, "ema_decay": 0.9},
    {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    {"optimizer": "sgd", "schedule": "onecycle", "warm_up": 0.3, "max_gradient_norm": 0.5},
]
"""Values of fields that no built-in recipe uses."""


@pytest.mark.parametrize(
    "recipe",
    [*NARROW_RECIPES, *(msgspec.structs.replace(QUICK, **fields) for fields in FIELDS)],
    ids=[*RECIPES, *("-".join(map(str, fields.values())) for fields in FIELDS)],
)
def test_captured_plain_resumed_and_failed_captures_train_the_same_weights(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    with fake_cuda(monkeypatch) as fake:
        plain = begin(recipe)
        plain._make_step = plain._step
        expected = bits(run(plain, STEPS))

        captured = begin(recipe, report=warnings.append)
        assert captured.device == torch.device("cuda", 0)
        assert bits(run(captured, STEPS)) == expected
        assert [graph.replays for graph in fake.graphs] == [STEPS - 1], "all but the smaller batch"
        assert not warnings

        first = run(begin(recipe), 1)
        resumed = begin(recipe)
        resumed.load_state_dict(copy.deepcopy(first.state_dict()))
        assert bits(run(resumed, STEPS - 1)) == expected

        failing = begin(recipe, report=warnings.append)
        break_capture(failing)
        fake.calls.clear()
        assert bits(run(failing, STEPS)) == expected
        assert fake.calls == ["synchronize", "restore"], "the warm-up must not overwrite what is restored"
        assert fake.current_stream is fake.stream
    assert len(warnings) == 1
    assert "operation not permitted when stream is capturing" in warnings[0], "the cause, not what followed from it"


@pytest.mark.parametrize("error", [torch._dynamo.exc.TorchDynamoException("x"), torch.OutOfMemoryError("CUDA out")])
@pytest.mark.parametrize("in_capture", [False, True])
def test_other_errors_are_not_failed_captures(
    error: Exception, monkeypatch: pytest.MonkeyPatch, *, in_capture: bool
) -> None:
    with fake_cuda(monkeypatch) as fake:
        training = begin(QUICK, report=pytest.fail)
        step = training._make_step._step  # type: ignore[attr-defined]

        def fail(*arguments: Any) -> Any:
            if fake.is_capturing == in_capture:
                raise error
            return step(*arguments)

        training._make_step._step = fail  # type: ignore[attr-defined]
        with pytest.raises(RuntimeError) as raised:
            next(training.steps())
        assert error in {raised.value, raised.value.__context__}


def test_only_captured_steps_have_capturable_optimizers(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_cuda(monkeypatch) as fake:
        custom = begin(QUICK, network=custom_model())
        run(custom, 2)
        assert not fake.graphs
        assert not custom.optimizers[0].param_groups[0]["capturable"]
        assert begin(QUICK).optimizers[0].param_groups[0]["capturable"]


@pytest.mark.parametrize("name", ["guide", "quick"])
def test_the_tests_for_a_real_gpu_pass_on_a_simulated_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = msgspec.structs.replace(RECIPES[name], precision="fp32")  # bf16 is slow on many CPUs
    with fake_cuda(monkeypatch):
        gpu_tests.test_captured_steps_equal_eager_steps(recipe)
        gpu_tests.test_resumed_training_is_bit_identical(recipe)
        gpu_tests.test_observed_steps_train_the_same_weights(recipe)


def test_the_test_of_failed_captures_passes_on_a_simulated_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_cuda(monkeypatch):
        test_graphs.test_training_after_a_failed_capture(torch.device("cuda", 0))
    torch.use_deterministic_algorithms(False)
    torch.backends.cuda.matmul.allow_tf32 = False


@pytest.mark.parametrize("milliseconds", [1, 3, 10, 40, 90, 150, 300])
def test_cpu_runs_at_most_a_fifth_of_a_second_ahead(milliseconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step takes the CPU 0.3 ms. Every 20th batch is smaller. The GPU must never wait for the CPU.

    `FakeEvent.synchronize` fails unless the event is blocking, because other events keep a core busy while waiting.
    """
    clock = FakeClock()
    monkeypatch.setattr(FakeEvent, "clock", clock)
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    queue, work, ahead = StepQueue(), 0.0, []
    for step in range(400):
        seconds = milliseconds / 1_000 * (0.1 if step % 20 == 19 else 1)
        clock.now += 0.0003
        clock.launch(seconds)
        work += seconds
        queue.add()
        ahead.append(clock.finished - clock.now)
    assert max(ahead) <= max(MAX_QUEUED_SECONDS, milliseconds / 1_000) + 1e-9
    assert max(ahead[20:]) > 0.9 * min(MAX_QUEUED_SECONDS, 400 * (milliseconds - 0.3) / 1_000) - milliseconds / 1_000
    assert clock.finished <= work + 0.01, "the GPU was idle"
