"""The Playground: a real Python kernel, and its output as it comes."""
