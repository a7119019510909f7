"""The images of a studio, read when they are looked at."""
