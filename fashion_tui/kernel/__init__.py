"""The Playground's Jupyter kernel, and the session through which the UI uses it.

The UI uses `session`, which uses `connection`, `process`, `protocol`, `outputs`, `buffer` and `runtime_directory`. None
of these modules imports torch or textual.

The kernel's process runs `__main__`. In this process, `preload` fills the user's namespace, `drawable` and `plots`
convert values to plots, and `probes` answers the UI's questions about tensors. Both processes apply the same `limits`
to outputs.
"""
