"""Reports about an evaluation as files: HTML and Markdown."""
