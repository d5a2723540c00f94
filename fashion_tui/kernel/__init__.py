"""The Playground's Jupyter kernel, and the session through which the UI uses it.

The UI imports `session` with `connection`, `process`, `protocol`, `outputs`, `buffer` and `runtime_directory`; none of
them imports torch or textual. `__main__` is the kernel's process. It fills the user's namespace (`preload`, with
`image_dataset`, `run_list` and `show`), plots tensors (`drawable`, `plots`) and answers the UI's questions about them
(`probes`). Both processes apply the same `limits` to outputs.
"""
