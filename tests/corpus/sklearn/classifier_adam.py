# expect: adam-epsilon-place
from sklearn.neural_network import MLPClassifier


def candidate():
    return MLPClassifier(hidden_layer_sizes=(16,), alpha=0.0)
