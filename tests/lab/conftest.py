"""Tests run side by side: each with one thread of torch, or they would wait for each other's."""

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
