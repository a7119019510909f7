"""What runs a plan: the NumPy reference, and TensorFlow."""
