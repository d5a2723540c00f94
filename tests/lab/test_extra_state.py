"""State that a custom model keeps outside its `state_dict`: saved and restored to the bit, or reported."""

import io
from typing import Any

import msgspec
import pytest
import torch

from fashion_tui.lab.networks.build import build_trainable
from fashion_tui.lab.training.checkpoint import read_checkpoint, write_checkpoint
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import Recipe
from tests.custom_models import custom_model

from .test_training import CPU, bits, run, striped

IMAGES = striped(200)


def net(init: str, train: str, *, before: str = "", methods: str = "") -> CustomModel:
    """Return a network with one linear layer. `train` is executed in each forward pass in training mode."""
    return custom_model(f"""
import collections, dataclasses, enum, functools, itertools, random
import numpy as np, torch
from torch import nn
{before}
class Net(nn.Module):
    def __init__(self, limit=3):
        super().__init__()
        self.fc = nn.Linear(784, 10)
        {init}
    def forward(self, x):
        x = x.flatten(1)
        if self.training:
            {train}
        return self.fc(x)
    {methods}
""")


def recipe(**changes: Any) -> Recipe:
    return msgspec.structs.replace(GUIDE, **{"batch_size": 20, **changes})


def resumed(first: Training, network: CustomModel) -> Training:
    """Save the state to a file, and load it into a new `Training`, as another process would."""
    stream = io.BytesIO()
    write_checkpoint(stream, first.state_dict(), {})
    stream.seek(0)
    state, _ = read_checkpoint(stream)
    second = Training(first.recipe, IMAGES, device=CPU, seed=5, network=network)
    second.load_state_dict(state)
    return second


SAVED = {
    "counter": net("self.calls = 0", "self.calls += 1; x = x + torch.randn_like(x) / self.calls"),
    "tensor that is replaced": net("self.h = 0", "x = x + self.h; self.h = x.detach().mean(0)"),
    "tensor that is changed in place": net(
        "self.h = torch.zeros(784)", "x = x + self.h; self.h.add_(x.detach().mean(0))"
    ),
    "tensor that grows": net(
        "self.h = torch.zeros(0, 784)", "self.h = torch.cat([self.h, x[:1]]); x = x + self.h.mean(0)"
    ),
    "non-persistent buffer": net(
        "self.register_buffer('h', torch.zeros(784), persistent=False)", "self.h += x.mean(0); x = x + self.h"
    ),
    "buffer that begins as None": net(
        "self.register_buffer('h', None)", "self.h = x.mean(0) + (0 if self.h is None else self.h); x = x + self.h"
    ),
    "buffer that changes its shape": net(
        "self.register_buffer('h', torch.zeros(1, 784))", "self.h = torch.cat([self.h, x[:1]]); x = x + self.h.mean(0)"
    ),
    "attribute that appears": net("pass", "self.calls = getattr(self, 'calls', 0) + 1; x = x * self.calls"),
    "attribute that disappears": net(
        "self.first = True", "x = x * (2 if hasattr(self, 'first') else 1); self.__dict__.pop('first', None)"
    ),
    "list in a dict": net(
        "self.stats = {'means': [], (1, 2): 'x'}",
        "self.stats['means'].append(x.mean()); x = x + sum(self.stats['means'])",
    ),
    "deque": net(
        "self.last = collections.deque(maxlen=3)", "self.last.append(x.mean().item()); x = x + sum(self.last)"
    ),
    "set and tuple": net(
        "self.state = (set(), 0)",
        "self.state = (self.state[0] | {len(self.state[0])}, self.state[1] + 1); x = x * len(self.state[0])",
    ),
    "frozenset": net("self.seen = frozenset()", "self.seen |= {len(self.seen)}; x = x / len(self.seen)"),
    "counts by class": net(
        "self.counts = collections.defaultdict(int)", "self.counts['n'] += 1; x = x / self.counts['n']"
    ),
    "array": net(
        "self.h = np.zeros(784, dtype='float32')", "self.h += x.detach().mean(0).numpy(); x = x + torch.tensor(self.h)"
    ),
    "generator": net("self.g = torch.Generator().manual_seed(1)", "x = x + torch.rand(784, generator=self.g)"),
    "generator of Python": net("self.g = random.Random(1)", "x = x * self.g.random()"),
    "generator of NumPy": net("self.g = np.random.default_rng(1)", "x = x * self.g.random()"),
    "another generator of NumPy": net("self.g = np.random.Generator(np.random.MT19937(1))", "x = x * self.g.random()"),
    "old generator of NumPy": net("self.g = np.random.RandomState(1)", "x = x * self.g.rand()"),
    "instance of a class in the source": net(
        "self.schedule = Schedule()",
        "self.schedule.step += 1; x = x / self.schedule.step",
        before="@dataclasses.dataclass(slots=True)\nclass Schedule:\n    step: int = 0\n    parent: object = None",
    ),
    "class attribute": net("Net.calls = 0", "Net.calls += 1; x = x / Net.calls"),
    "global variable": net("pass", "global calls; calls += 1; x = x / calls", before="calls = 0"),
    "global list": net("pass", "calls.append(1); x = x / len(calls)", before="calls = []"),
    "attribute of a submodule": net(
        "self.fc.scale = 1.0", "self.fc.scale = self.fc.scale * 0.9; x = x * self.fc.scale"
    ),
    "module in a list": net(
        "self.hidden = [nn.BatchNorm1d(784)]", "x = self.hidden[0](x) + self.hidden[0].running_mean"
    ),
    "two names for one list": net("self.a = []; self.b = [self.a]", "self.a.append(1); x = x * len(self.b[0])"),
    "object that is shared later": net(
        "self.a = [0]; self.b = None", "self.b = self.a; self.b[0] += 1; x = x / self.a[0]"
    ),
    "tensor that begins as a constant": net(
        "self.zero = torch.zeros(784); self.h = self.zero",
        "self.h = self.h + x.detach().mean(0); x = x + self.h - self.zero",
    ),
    "change in every third step": net(
        "self.calls = 0; self.scale = 1.0",
        "self.calls = (self.calls + 1) % 3; self.scale *= 0.5 if not self.calls else 1; x = x * self.scale",
    ),
    "layer that is frozen later": net("self.calls = 0", "self.calls += 1; self.fc.bias.requires_grad_(self.calls < 4)"),
    "extra state": net(
        "self.calls = 0",
        "self.calls += 1; x = x / self.calls",
        methods="""
    def get_extra_state(self):
        return {'calls': self.calls, 'names': ['a', ('b', 2)]}
    def set_extra_state(self, state):
        self.calls = state['calls']
""",
    ),
    "old weight norm": net("self.fc = nn.utils.weight_norm(self.fc)", "pass"),
    "constant that can't be saved": net(
        "self.scale = 2.0; self.activation = torch.relu", "x = self.activation(x) * self.scale"
    ),
    "iterator in a table of functions": net(
        "self.table = {'f': torch.relu, 'calls': 0}",
        "self.table['calls'] += 1; x = self.table['f'](x) / self.table['calls']",
    ),
}


@pytest.mark.parametrize("network", SAVED.values(), ids=SAVED.keys())
def test_state_is_restored_to_the_bit(network: CustomModel) -> None:
    undisturbed = run(Training(recipe(), IMAGES, device=CPU, seed=5, network=network), 13)
    second = resumed(run(Training(recipe(), IMAGES, device=CPU, seed=5, network=network), 6), network)
    assert second.unsavable == ()
    assert bits(run(second, 7)) == bits(undisturbed)


UNSAVED = {
    "calls (count)": net("self.calls = itertools.count(1)", "x = x / next(self.calls)"),
    "numbers (generator)": net("self.numbers = (1 / n for n in range(1, 99))", "x = x * next(self.numbers)"),
    "clock (Fraction)": net(
        "self.clock = fractions.Fraction(1)", "self.clock += 1; x = x / float(self.clock)", before="import fractions"
    ),
    "state (State)": net(
        "self.state = State(1)",
        "self.state = State(self.state.n + 1); x = x / self.state.n",
        before="State = collections.namedtuple('State', 'n')",
    ),
    "best (Best)": net("self.best = None", "self.best = Best(); x = x + 1", before="class Best:\n    value = 1"),
    "bag (SimpleNamespace)": net(
        "self.bag = types.SimpleNamespace(n=0)", "self.bag.n += 1; x = x / self.bag.n", before="import types"
    ),
    "get_extra_state (complex_)": net(
        "self.n = 0",
        "self.n += 1",
        before="class complex_(complex):\n    pass",
        methods="""
    def get_extra_state(self):
        return complex_(self.n, 1)
    def set_extra_state(self, state):
        self.n = int(state.real)
""",
    ),
}


@pytest.mark.parametrize("name", UNSAVED)
def test_what_cannot_be_saved_is_named_before_the_first_step(name: str) -> None:
    training = Training(recipe(), IMAGES, device=CPU, seed=5, network=UNSAVED[name])
    assert training.unsavable == (name,)
    run(training, 2)
    second = resumed(training, UNSAVED[name])  # can be loaded nevertheless
    assert second.unsavable == (name,)


def test_a_number_from_an_object_that_cannot_be_saved_is_saved() -> None:
    network = net(
        "self.bag = types.SimpleNamespace(n=np.float32(0)); self.last = self.bag.n",
        "self.bag.n = self.bag.n + np.float32(1); self.last = self.bag.n",
        before="import types",
    )
    second = resumed(run(Training(recipe(), IMAGES, device=CPU, seed=5, network=network), 3), network)
    assert second.unsavable == ("bag (SimpleNamespace)",)
    assert second.model.last == 3


def test_what_changes_only_later_is_named_when_it_is_saved() -> None:
    network = net(
        "self.n = 0; self.bag = types.SimpleNamespace(calls=0)",
        "self.n += 1; self.bag.calls += self.n > 3",
        before="import types",
    )
    training = Training(recipe(), IMAGES, device=CPU, seed=5, network=network)
    assert run(training, 3).unsavable == ()
    assert run(training, 1).unsavable == ("bag (SimpleNamespace)",)


def test_state_within_a_step_is_that_before_the_step() -> None:
    """A batch of more than 256 images is split into micro-batches, between which a run may be saved or stopped."""
    images = striped(600)
    network = net("self.calls = 0; self.seen = []", "self.calls += 1; self.seen.append(len(x)); x = x / self.calls")

    class Stop(Exception):
        pass

    training = Training(recipe(batch_size=600), images, device=CPU, seed=5, network=network)
    run(training, 1)
    before = bits(training)
    within = []

    def stop() -> None:
        within.append(bits(training))
        raise Stop

    with pytest.raises(Stop):
        list(training.steps(poll=stop))
    assert within == [before]
    assert bits(training) == before
    assert training.model.seen == [200, 200, 200]


def test_a_buffer_that_grows_is_restored_when_a_step_is_interrupted() -> None:
    growing = "self.memory = torch.cat([self.memory, x[:1, :1].detach()])"
    network = net("self.register_buffer('memory', torch.zeros(0, 1))", growing)
    training = Training(recipe(batch_size=600), striped(600), device=CPU, seed=5, network=network)

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        list(training.steps(poll=stop))
    assert training.model.memory.shape == (0, 1)


def test_a_last_batch_of_one_image_joins_the_batch_before_if_the_network_needs_more() -> None:
    images = striped(61)
    for network, sizes in (
        (net("self.norm = nn.BatchNorm1d(784)", "x = self.norm(x)"), [20, 20, 21]),
        (net("pass", "x = x[:len(x.squeeze())]"), [20, 20, 20, 1]),
        (net("pass", "return self.fc(x).squeeze()"), [20, 20, 21]),
    ):
        training = Training(recipe(), images, device=CPU, seed=5, network=network)
        assert training.batch_sizes(0, len(sizes)).tolist() == sizes
        assert list(training.steps()) == list(range(1, len(sizes) + 1))
        assert training.images_seen == 61
        assert training.joins_last_image == (len(sizes) == 3)
        seen = torch.cat([batch.indices for batch in training.batches.epoch(0)])
        assert sorted(seen.tolist()) == list(range(61))
    with pytest.raises(UsageError, match=r"Net .* batch size above 1"):
        Training(recipe(batch_size=1), images, device=CPU, seed=5, network=net("pass", "return self.fc(x).squeeze()"))


def test_the_trial_leaves_no_traces() -> None:
    """As in a script, the first batch gets the network exactly as constructed, and the same random numbers."""
    network = net(
        "self.calls = 0; self.h = None; Net.instances += 1; self.list = limit",
        "self.calls += 1; self.h = torch.rand(1); seen.append(1); self.list.append(1)",
        before="seen = []",
        methods="instances = 0",
    )
    network = msgspec.structs.replace(network, arguments={"limit": []})
    torch.manual_seed(3)
    namespace: dict[str, Any] = {"__name__": "script"}
    exec(network.source, namespace)  # noqa: S102 - as in a script
    expected = namespace["Net"]([])
    expected_random = torch.rand(3)

    torch.manual_seed(3)
    model: Any = build_trainable(network).network
    assert torch.equal(torch.rand(3), expected_random)
    assert torch.equal(model.fc.weight, expected.fc.weight)
    assert (model.calls, model.h, model.list, type(model).instances) == (0, None, [], 1)
    assert type(model).forward.__globals__["seen"] == []
    assert network.arguments == {"limit": []}
    assert all(parameter.grad is None for parameter in model.parameters())
