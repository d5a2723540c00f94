"""The person's playground: a Jupyter kernel of their own, and the client that speaks to it.

`session` and its neighbours run in the UI's process and know neither torch nor textual. `bootstrap` and what it needs
run inside the kernel: `at_hand` with `labelled` and `trained_runs`, `show` with `drawable` and `figures`, `probing`.
"""
