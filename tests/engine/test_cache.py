"""The engine's cache of logits and results, in memory and on disk."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec
import torch

from fashion_tui.engine.server.cache import MAX_LOGITS, Cache
from fashion_tui.engine.server.result_keys import network_key, result_key
from fashion_tui.runs.run import Run
from fashion_tui.schema.baselines import Baselines
from fashion_tui.schema.robustness import Robustness
from fashion_tui.trained_run import TrainedRun
from tests.custom_models import custom_model
from tests.runs.parts import make_run

BASELINES = Baselines(n=5, majority=0.1, linear=0.2, nearest=0.3)


def test_logits_and_results_outlive_the_process(tmp_path: Path) -> None:
    logits = torch.tensor([[0.1, float("nan"), 3.0], [1.0, 2.0, -float("inf")]])
    cache = Cache(tmp_path / "new")
    assert (cache.logits("a"), cache.result("a", Baselines)) == (None, None)
    cache.add_logits("a", logits)
    cache.add_result("a", BASELINES)
    later = Cache(tmp_path / "new")
    found = later.logits("a")
    assert found is not None
    torch.testing.assert_close(found, logits, rtol=0, atol=0, equal_nan=True)
    assert later.result("a", Baselines) == BASELINES
    assert later.result("a", Robustness) is None, "another kind of result"
    assert later.logits("b") is None
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_memory_holds_the_logits_that_were_added_last(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for index in range(MAX_LOGITS + 2):
        cache.add_logits(f"{index}", torch.tensor([index]))
    for file in tmp_path.iterdir():
        file.unlink()
    found = [cache.logits(f"{index}") for index in range(MAX_LOGITS + 2)]
    assert found[:2] == [None, None]
    assert [None if logits is None else logits.item() for logits in found[2:]] == list(range(2, MAX_LOGITS + 2))


def test_a_damaged_file_counts_as_missing(tmp_path: Path) -> None:
    Cache(tmp_path).add_logits("a", torch.zeros(3, 2))
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    for damaged in (content, content[:200], b""):
        file.write_bytes(damaged)
        assert Cache(tmp_path).logits("a") is None


def writing(content: bytes) -> Callable[[BinaryIO], None]:
    def write(file: BinaryIO) -> None:
        file.write(content)

    return write


def key_of(path: Path) -> str:
    with TrainedRun.open(path) as trained:
        return network_key(trained)


def test_keys_depend_on_weights_code_and_normalisation(tmp_path: Path) -> None:
    with make_run(tmp_path, network=custom_model()) as run:
        run.checkpoints.save(writing(b"weights"), step=1, epoch=0)
        path = run.path
    keys = [key_of(path)]
    assert key_of(path) == keys[0]
    config = Run(path).config
    source, recipe = config.source, config.recipe
    assert source is not None
    for changed in (
        msgspec.structs.replace(config, source=msgspec.structs.replace(source, sha256="0" * 64)),
        msgspec.structs.replace(config, source=msgspec.structs.replace(source, arguments={"width": 3})),
        msgspec.structs.replace(config, recipe=msgspec.structs.replace(recipe, mean=(0.25,))),
        msgspec.structs.replace(config, recipe=msgspec.structs.replace(recipe, std=(0.25,))),
    ):
        (path / "config.json").write_bytes(msgspec.json.encode(changed))
        keys.append(key_of(path))
    (path / "config.json").write_bytes(msgspec.json.encode(config))
    Run(path).checkpoints.save(writing(b"other weights"), step=2, epoch=0)
    keys.append(key_of(path))
    assert len(set(keys)) == 6


def test_keys_depend_on_all_parts() -> None:
    keys = [result_key(*parts) for parts in (("a", "b"), ("ab",), ("a", None), ("a", 0), ("a", "b", False), ("b", "a"))]
    assert len(set(keys)) == 6
    assert keys[0] == result_key("a", "b")
