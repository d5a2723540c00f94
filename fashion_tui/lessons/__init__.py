"""The lessons of the Playground, one Markdown file each, and the user's progress in them.

A file begins with `# Title`, followed by the steps. Each step consists of paragraphs, a cell to run (```python) and a
block quote that says what to observe. Paragraphs after the last step close the lesson.
In the text, the name of a Playground action (`{tensors}`) or of a pane (`{model}`) is replaced by its key.
"""
