"""Panels that measure a policy, by the functions of `augreg.views`: each is one of the page's tabs.

They show what a page's tiles don't: every step of one sample, steps at the ends of their ranges,
what stages cost, and what made a sample too strong.
"""
