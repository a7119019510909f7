"""A sample in detail."""
