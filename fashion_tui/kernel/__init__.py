"""The person's playground: a Jupyter kernel of their own, and the client that speaks to it.

`session` and its neighbours run in the UI's process and know neither torch nor textual. `bootstrap`, `at_hand` and
`labelled` run inside the kernel.
"""
