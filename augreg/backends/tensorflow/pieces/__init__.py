"""Images whose size is known at run time only, compiled by XLA once for many sizes.

XLA compiles a program for each shape. Here an image is a row of pixels, filled up to one of a few
lengths; height and width are arguments, and a loop makes piece after piece of the row, as many as
the image has. TensorFlow's kernels, one after another, take five to seven times as long.
"""
