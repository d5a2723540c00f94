"""The form that starts a run. It is generated from the descriptions of the fields of recipes and runs."""
