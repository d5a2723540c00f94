"""Networks of torchvision and timm are built with new weights, without a download, and have their own input size."""

import sys
from typing import Any

import pytest
import torch

from fashion_tui.lab.networks.build import load_model
from fashion_tui.lab.networks.library import library_inputs
from fashion_tui.lab.trace import trace
from fashion_tui.schema.errors import UsageError, UserError


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each download fail."""

    def refuse(url: str, *_args: Any, **_options: Any) -> None:
        raise AssertionError(f"tried to download {url}")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("resnet18", ["3x224x224"]),
        ("inception_v3", ["3x299x299"]),
        ("efficientnet_b1", ["3x240x240"]),
        ("vit_h_14", ["3x224x224"]),
        ("r3d_18", ["3x16x112x112"]),
        ("lraspp_mobilenet_v3_large", ["3x520x520"]),
        ("ssdlite320_mobilenet_v3_large", ["3x320x320"]),
        ("raft_small", ["3x128x128", "3x128x128"]),
    ],
)
def test_each_torchvision_network_has_its_own_input_size(name: str, inputs: list[str]) -> None:
    model = load_model(f"torchvision:{name}", device="meta")
    assert [str(spec) for spec in library_inputs(f"torchvision:{name}", model)] == inputs


def test_segmentation_networks_are_built_without_the_weights_of_their_backbones() -> None:
    model = load_model("torchvision:fcn_resnet50", device="meta")
    table = trace(model, (3, 64, 64))
    assert (table.total_params, table.total_macs) == (32_957_013, 2_161_999_872)
    model = load_model("torchvision:lraspp_mobilenet_v3_large", device="meta")
    assert trace(model, (3, 64, 64)).outputs == ((21, 64, 64),)


def test_a_detector_gets_images_and_no_targets() -> None:
    model = load_model("torchvision:ssdlite320_mobilenet_v3_large", device="meta")
    assert not model.training, "in training mode, it requires targets"
    assert sum(parameter.numel() for parameter in model.parameters()) == 3_440_060


@pytest.mark.parametrize(
    ("name", "argument"),
    [("resnet18", "weights"), ("fcn_resnet50", "weights_backbone"), ("fcn_resnet50", "weights")],
)
def test_weights_are_never_downloaded(name: str, argument: str) -> None:
    with pytest.raises(UsageError, match=f"doesn't download pretrained weights; omit the argument '{argument}'"):
        load_model(f"torchvision:{name}", {argument: "DEFAULT"})


def test_timm_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match=r"timm:resnet10t requires timm, which isn't installed; .*pip install timm"):
        load_model("timm:resnet10t")


def test_networks_of_timm() -> None:
    pytest.importorskip("timm", reason="timm is optional")
    model = load_model("timm:resnet10t", {"num_classes": 7}, device="meta")
    assert [str(spec) for spec in library_inputs("timm:resnet10t", model)] == ["3x176x176"]
    assert trace(model, (3, 64, 64)).outputs == ((7,),)
    with pytest.raises(UsageError, match="unknown timm model 'nosuch'"):
        load_model("timm:nosuch")
    with pytest.raises(UsageError, match="omit the argument 'pretrained'"):
        load_model("timm:resnet10t", {"pretrained": True})
