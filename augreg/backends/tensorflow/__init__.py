"""A plan as TensorFlow ops, for tf.data and for models. Only these modules touch pixels there."""
