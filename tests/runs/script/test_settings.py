"""The `config` of a script, converted to JSON."""

import math
from argparse import Namespace
from collections import UserDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest
import torch

from fashion_tui.runs import log_run
from fashion_tui.runs.script.settings import json_settings
from fashion_tui.schema.run import LoggedConfig

from .parts import opened


@dataclass
class Options:
    lr: float
    layers: tuple[int, ...]


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, {}),
        ({"lr": 0.1, "nested": {"a": [1, (2, True)]}}, {"lr": 0.1, "nested": {"a": [1, [2, True]]}}),
        (Options(0.1, (3, 4)), {"lr": 0.1, "layers": [3, 4]}),
        (Namespace(lr=0.1, data=Path("/data")), {"lr": 0.1, "data": "/data"}),
        (UserDict({1: {2}}), {"1": [2]}),
        ({"device": torch.device("cpu"), "f": math.nan, "n": 2**70}, {"device": "cpu", "f": "NaN", "n": str(2**70)}),
        ({"name": "a\udcff", "x": Unprintable()}, {"name": "a\ufffd", "x": "<Unprintable>"}),
        ("fast", {"config": "fast"}),
    ],
    ids=["none", "nested", "dataclass", "namespace", "mapping", "other values", "not UTF-8", "not a mapping"],
)
def test_any_config_is_stored(config: object, expected: dict[str, object], tmp_path: Path) -> None:
    with log_run("net", config, runs=tmp_path) as run:
        pass
    with opened(run) as stored:
        assert isinstance(stored.stored_config, LoggedConfig)
        assert stored.stored_config.settings == expected
        assert stored.stored_config.name == "net"


class Unreadable(UserDict[str, int]):
    def items(self) -> NoReturn:
        raise RuntimeError("locked")


def test_a_config_that_cannot_be_read_is_reported() -> None:
    settings, problem = json_settings(Unreadable())
    assert settings == {}
    assert "locked" in str(problem)


def test_a_config_that_contains_itself_is_cut_off() -> None:
    config: dict[str, Any] = {"lr": 0.1}
    config["self"] = config
    settings, problem = json_settings(config)
    assert problem is None
    assert settings["lr"] == 0.1
    assert len(msgspec.json.encode(settings)) < 10_000


def test_the_largest_values_of_a_large_config_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {"lr": 0.1, "table": list(range(100_000)), "seed": 3}
    with log_run("net", config, runs=tmp_path) as run:
        pass
    (line,) = capsys.readouterr().err.splitlines()
    assert "table" in line
    with opened(run) as stored:
        assert isinstance(stored.stored_config, LoggedConfig)
        assert stored.stored_config.settings == {"lr": 0.1, "seed": 3}
