"""What comes with an image: reading an element, and moving its masks, boxes and points."""
