"""The lessons of the Playground, one Markdown file each, and the user's progress in them.

A file begins with `# Title`, followed by the steps. Each step consists of paragraphs, a cell to run (```python) and a
block quote that says what to observe. Paragraphs after the last step close the lesson.
`{tensors}` in the text stands for the key of this action of the Playground, and `{model}` for that of this pane.
"""
