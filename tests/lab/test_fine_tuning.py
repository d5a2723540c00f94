"""Fine-tuning of torchvision's networks, against torchvision's transforms and plain PyTorch."""

import copy
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import safetensors.torch
import torch
import torchvision
from torch import Tensor, nn
from torchvision.transforms import v2

from fashion_tui.data.pretrained import file_sha256
from fashion_tui.lab.networks.build import build_network
from fashion_tui.lab.networks.builtin import count_parameters
from fashion_tui.lab.networks.fine_tuning import FineTunedNetwork, build_fine_tuned, check_fine_tuned, published_weights
from fashion_tui.lab.networks.pretrained import WeightsFile, load_weights
from fashion_tui.lab.trace import trace
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.builtin_recipes import GUIDE, QUICK
from fashion_tui.schema.dataset import ImageTask
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.recipe import Recipe, with_model

from .test_training import CPU, bits, striped

NAME = "shufflenet_v2_x0_5"
"""A small network with batch normalisation, whose head is `fc`."""

GREY = ImageTask(image_shape=(1, 28, 28), classes=10)
COLOUR = ImageTask(image_shape=(3, 40, 40), classes=4)

SIZE = 32

IMAGES = striped(24)


def recipe_for(name: str = NAME, **changes: Any) -> Recipe:
    recipe = with_model(msgspec.structs.replace(GUIDE, batch_size=8, epochs=1), f"torchvision:{name}")
    return msgspec.structs.replace(recipe, **{"input_size": SIZE} | changes)


def library_network(classes: int = 6) -> Any:
    torch.manual_seed(3)
    network = torchvision.models.get_model(NAME, num_classes=classes)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low, high in ((module.running_mean, -0.2, 0.2), (module.running_var, 0.5, 1.5)):
                assert values is not None
                nn.init.uniform_(values, low, high)
    return network.eval()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> WeightsFile:
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(library_network().state_dict(), path)
    return WeightsFile(path, file_sha256(path))


def finish(training: Training) -> None:
    while training.epoch < training.recipe.epochs:
        for _ in training.steps():
            pass
        training.end_epoch()


def tuned(recipe: Recipe, weights: WeightsFile, task: ImageTask = GREY) -> FineTunedNetwork:
    network = build_fine_tuned(recipe, task)
    load_weights(network, weights, recipe.model)
    return network


@pytest.mark.covers("recipe.input_size", "recipe.weights")
@pytest.mark.parametrize("task", [GREY, COLOUR], ids=["grey images are enlarged", "colour images are reduced"])
def test_inputs_equal_those_of_torchvisions_transforms(weights: WeightsFile, task: ImageTask) -> None:
    pixels = torch.randint(0, 256, (3, *task.image_shape), dtype=torch.uint8)
    network = tuned(recipe_for(), weights, task).eval()
    transforms = v2.Compose([
        v2.RGB(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Resize((SIZE, SIZE), antialias=True),
        v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ])  # fmt: skip
    original = library_network()
    original.fc = copy.deepcopy(network.network.get_submodule("fc"))
    with torch.no_grad():
        expected, actual = original(transforms(pixels)), network(pixels / 255)
    assert actual.shape == (3, task.classes)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


def test_the_size_of_the_input_is_that_of_the_pretrained_weights() -> None:
    assert check_fine_tuned(recipe_for(input_size=0), GREY).size == 224
    assert check_fine_tuned(recipe_for("efficientnet_b2", input_size=0), GREY).size == 288


def test_mean_and_std_of_the_recipe_replace_those_of_the_weights(weights: WeightsFile) -> None:
    network = tuned(recipe_for(mean=(0.5,), std=(0.25,)), weights).eval()
    seen: list[Tensor] = []
    network.network.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    images = torch.rand(2, 1, SIZE, SIZE)
    network(images)
    assert torch.equal(seen[0], images.expand(-1, 3, -1, -1))


@pytest.mark.covers("recipe.freeze")
def test_frozen_layers_stay_unchanged(weights: WeightsFile) -> None:
    recipe = recipe_for(freeze="conv1, stage[23], conv5.1.*", weights=str(weights.path), ema_decay=0.5)
    training = Training(recipe, IMAGES, device=CPU, seed=1, weights=weights)
    before = copy.deepcopy(training.model.state_dict())
    finish(training)
    training.update_statistics()
    changed = {name for name, value in training.model.state_dict().items() if not torch.equal(value, before[name])}
    frozen = re.compile(r"network\.(conv1|stage[23]|conv5\.1)\.")
    assert changed == {name for name in before if not frozen.match(name)}
    averaged = training.state_dict()["averaged"]
    statistics = {name for name in averaged if "running" in name}
    assert statistics == {name for name in before if "running" in name and not frozen.match(name)}
    parts = library_network(10)
    trained = [*parts.stage4.parameters(), *parts.conv5[0].parameters(), *parts.fc.parameters()]
    assert count_parameters(training.model) == sum(parameter.numel() for parameter in trained)


def test_frozen_layers_are_marked_in_the_shape_trace() -> None:
    network = build_fine_tuned(recipe_for(freeze="conv1"), GREY)
    table = trace(network, GREY.image_shape)
    rows = {row.path: row.trainable for row in table.rows if row.own_params}
    assert {path for path, trainable in rows.items() if not trainable} == {"network.conv1.0", "network.conv1.1"}
    assert table.total_params - table.trainable_params == sum(
        value.numel() for value in library_network().conv1.parameters()
    )


@pytest.mark.covers("recipe.backbone_lr")
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "muon"])
def test_pretrained_layers_have_a_lower_learning_rate(weights: WeightsFile, optimizer: str) -> None:
    recipe = recipe_for(optimizer=optimizer, backbone_lr=0.25, weights=str(weights.path), freeze="conv1")
    training = Training(recipe, IMAGES, device=CPU, seed=1, weights=weights)
    factors = {
        parameter: group["max_lr"]
        for each in training.optimizers
        for group in each.param_groups
        for parameter in group["params"]
    }
    top = recipe.learning_rate * (0.2 if optimizer == "muon" else 1.0)
    names = {name.removeprefix("network."): parameter for name, parameter in training.model.named_parameters()}
    assert factors[names["fc.weight"]] == top
    assert factors[names["conv5.1.bias"]] == pytest.approx(top / 4)
    assert set(names) - {name for name in names if names[name] in factors} == {
        "conv1.0.weight", "conv1.1.weight", "conv1.1.bias"
    }  # fmt: skip
    random = Training(recipe_for(optimizer=optimizer, backbone_lr=0.25), IMAGES, device=CPU, seed=1)
    assert all(len(each.param_groups) == 1 for each in random.optimizers)


def test_resumed_training_is_bit_identical_without_the_file(weights: WeightsFile) -> None:
    recipe = recipe_for("mobilenet_v3_small", epochs=2, freeze="features.[0-9]")  # its dropout draws random numbers
    whole = Training(recipe, IMAGES, device=CPU, seed=2)
    state: dict[str, Any] = {}
    while whole.epoch < 2:
        for step in whole.steps():
            if step == 4:
                state = copy.deepcopy(whole.state_dict())
        whole.end_epoch()
    resumed = Training(recipe, IMAGES, device=CPU, seed=2)
    resumed.load_state_dict(state)
    finish(resumed)
    assert bits(resumed) == bits(whole)


def test_one_image_is_not_a_batch_of_its_own_if_batch_normalisation_needs_more() -> None:
    training = Training(recipe_for(batch_size=8), striped(17), device=CPU, seed=0)
    assert training.batches.sizes == [8, 9]


def test_weights_can_be_in_a_safetensors_file_and_have_the_prefix_of_an_export(tmp_path: Path) -> None:
    original = library_network().state_dict()
    path = tmp_path / "exported.safetensors"
    safetensors.torch.save_file({f"network.{name}": value for name, value in original.items()}, path)
    network = tuned(recipe_for(), WeightsFile(path, ""))
    assert torch.equal(network.network.state_dict()["stage4.3.branch2.6.bias"], original["stage4.3.branch2.6.bias"])
    assert network.network.state_dict()["fc.weight"].shape == (10, 1024)


def fails(weights: dict[str, Tensor], path: Path) -> str:
    torch.save(weights, path)
    with pytest.raises(UserError) as failure:
        tuned(recipe_for(), WeightsFile(path, ""))
    message = str(failure.value)
    assert "\n" not in message
    return message


def test_weights_that_do_not_fit_are_refused(tmp_path: Path, weights: WeightsFile) -> None:
    state, path = library_network().state_dict(), tmp_path / "other.pth"
    without = {name: value for name, value in state.items() if name != "conv5.0.weight"}
    assert "conv5.0.weight is missing" in fails(without, path)
    wide = state | {"conv1.0.weight": torch.zeros(48, 3, 3, 3)}
    assert "conv1.0.weight is 48×3×3×3 in the file, but 24×3×3×3 in the network" in fails(wide, path)
    assert "no stage5.weight" in fails(state | {"stage5.weight": torch.zeros(1)}, path)
    assert "state_dict" in fails({}, path)
    path.write_bytes(b"no weights")
    with pytest.raises(UserError, match="can't use the weights"):
        tuned(recipe_for(), WeightsFile(path, ""))
    with pytest.raises(UserError, match="No such file"):
        tuned(recipe_for(), WeightsFile(tmp_path / "missing.pth", ""))
    with pytest.raises(UserError, match="changed"):
        tuned(recipe_for(), WeightsFile(weights.path, "0" * 64))


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (Path("executed"), "code")


def test_code_in_a_file_of_weights_is_not_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"fc.weight": Malicious()}, tmp_path / "weights.pth")
    with pytest.raises(UserError, match="isn't a file of weights"):
        tuned(recipe_for(), WeightsFile(tmp_path / "weights.pth", ""))
    assert not Path("executed").exists()


@pytest.mark.parametrize(
    ("recipe", "parts"),
    [
        (recipe_for("shufflenet_v2"), ("shufflenet_v2_x",)),
        (recipe_for("fasterrcnn_resnet50_fpn"), ("doesn't classify images",)),
        (recipe_for(freeze="stge2"), ("'stge2'", "stage2")),
        (recipe_for(freeze="features"), ("its parts are conv1, stage2",)),
        (recipe_for(freeze="*"), ("no parameter",)),
        (recipe_for("inception_v3"), ("fails on images of 32×32 pixels",)),
    ],
)
def test_networks_that_cannot_be_trained_are_refused(recipe: Recipe, parts: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as failure:
        check_fine_tuned(recipe, GREY)
    assert all(part in str(failure.value) for part in parts)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("name", "head", "size"),
    [
        ("squeezenet1_1", "classifier.1", 64),
        ("resnet18", "fc", 32),
        ("mobilenet_v3_small", "classifier.3", 32),
        ("densenet121", "classifier", 32),
        ("googlenet", "fc", 64),
        ("vit_b_16", "heads.head", 32),
        ("swin_t", "head", 64),
    ],
)
def test_the_last_layer_is_replaced(name: str, head: str, size: int) -> None:
    network = check_fine_tuned(recipe_for(name, input_size=size), COLOUR)
    assert network.head == head
    assert network(torch.zeros(2, 3, 40, 40, device="meta")).shape == (2, 4)


def test_the_checksum_is_part_of_the_name_of_published_weights() -> None:
    source = published_weights("torchvision:resnet18")
    assert source.url == "https://download.pytorch.org/models/resnet18-f37072fd.pth"
    assert (source.name, source.sha256) == ("resnet18-f37072fd.pth", "f37072fd")


def test_a_run_of_another_network_has_no_values_for_fine_tuning() -> None:
    recipe = with_model(recipe_for(freeze="conv1", weights="default"), "quick")
    assert (recipe.freeze, recipe.weights, recipe.input_size) == ("none", "none", 0)
    assert with_model(QUICK, "quick") == QUICK
    assert isinstance(build_network(with_model(QUICK, "torchvision:resnet18"), None), FineTunedNetwork)
