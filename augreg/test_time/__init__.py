"""Predictions of a model on several augmented views of each image, as one."""
