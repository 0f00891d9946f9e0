# expect: equal
from sklearn.neural_network import MLPClassifier


def candidate():
    return MLPClassifier(hidden_layer_sizes=(16,), activation="tanh", solver="sgd", alpha=0.0, momentum=0.0,
                         learning_rate_init=0.1)  # fmt: skip
