"""Recipes."""

import json
import re
from pathlib import Path

from fashion_tui.schema.recipe import BEST

BENCHMARKS = Path(__file__).parents[2] / "assets" / "benchmarks"


def test_best_states_its_measured_time() -> None:
    results = json.loads((BENCHMARKS / "2026-11-29-best.json").read_text(encoding="utf-8"))["results"]
    stated = re.search(r"(\d+) minutes", BEST.summary)
    assert stated is not None
    assert int(stated[1]) == round(results[1]["train_seconds"] / 60)
