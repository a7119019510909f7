"""The policy as text: an editor that marks mistakes, completes and explains."""
