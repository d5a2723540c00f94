"""The Textual app: paints snapshots and turns keys into requests. Never imports torch, never blocks, never computes."""
