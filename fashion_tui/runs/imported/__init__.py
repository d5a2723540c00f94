"""Runs that other libraries log.

`discovery` searches a folder tree for such logs, and `formats` recognises the log in a folder. Each format has a
module: `tensorboard` for event files, with `tf_records` and `scalars`; `metrics_csv` for Lightning's CSVLogger; and
`trainer_state` for the Trainer of Hugging Face. `log` defines what they have in common, `hyperparameters` reads
`hparams.yaml`, and `imported_log` composes the configuration and the status of a run. These modules only read files:
they never write into the folder of another library, and never unpickle.
"""
