"""The side panel and its views: all tensors, one tensor, the autograd graph, reshaping, arithmetic and lessons."""
