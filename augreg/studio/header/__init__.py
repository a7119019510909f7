"""The header: files, undo and redo, and the policy as Python."""
