"""The form that starts a run, made from the descriptions of the fields of a recipe and of a run."""
