"""`fashion-tui bench`: compares the recipes with the guide's training loop, and measures latencies of the app.

Training is measured in worker processes (`python -m fashion_tui.bench`), which import torch. `client` and `latency`
don't.
"""
