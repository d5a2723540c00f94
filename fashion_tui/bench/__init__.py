"""`fashion-tui bench`: compare the recipes with the guide's training loop, and measure latencies of the app.

Training is measured in worker processes (`python -m fashion_tui.bench`), which import torch. The modules `client` and
`latency` don't import torch.
"""
