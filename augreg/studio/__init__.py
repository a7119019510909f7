"""A local web page in which a policy is written, seen and measured."""
