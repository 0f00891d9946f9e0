"""The multi-layer perceptron, written once in NumPy, once in PyTorch and once in Keras."""
