"""The engine's cache."""

import torch

from fashion_tui.engine.server.cache import MAX_LOGITS, Cache


def test_the_cache_removes_the_logits_that_were_added_first() -> None:
    cache = Cache()
    for index in range(MAX_LOGITS + 2):
        cache.add_logits(f"checkpoint {index}", "data", torch.tensor([index]))
    found = [cache.logits(f"checkpoint {index}", "data") for index in range(MAX_LOGITS + 2)]
    assert found[:2] == [None, None]
    assert [None if logits is None else logits.item() for logits in found[2:]] == list(range(2, MAX_LOGITS + 2))
    assert cache.logits(f"checkpoint {MAX_LOGITS}", "other data") is None
