"""Randomness as data: the generator of draws, and the distributions that a policy may write."""
