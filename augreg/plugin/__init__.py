"""What an op's author sees: ops, macros, parameters, the hook, and the registry that finds them."""
