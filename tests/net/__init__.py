"""The net: generated policies, run in every way there is and compared with a plain interpreter."""
