"""The lessons of the Playground: short cards with cells to run, a Markdown file each; and how far a person has come.

A file is `# Title`, then steps, each of paragraphs, a cell (```python) and a block quote that says what to look at.
Paragraphs after the last step close the lesson.
"""
