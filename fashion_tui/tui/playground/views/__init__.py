"""The views beside the transcript: tensors, one tensor, graph, reshaping, convolution arithmetic, lessons."""
