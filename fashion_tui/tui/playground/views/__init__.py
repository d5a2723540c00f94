"""The side panel and its views: tensors, one tensor, graph, reshaping, convolution arithmetic, lessons."""
