"""What panels are built of: controls, frames, tables, and the style sheets."""
