"""Programs written down as StableHLO, which XLA compiles, without TensorFlow's tracing."""
