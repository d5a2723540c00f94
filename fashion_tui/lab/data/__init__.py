"""Data sets as tensors on a device: loading, augmentation, synthetic garments."""
