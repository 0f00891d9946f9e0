# expect: equal
from sklearn.neural_network import MLPClassifier


def candidate():
    return MLPClassifier((10,), activation="logistic", solver="sgd", alpha=0, nesterovs_momentum=False,
                         learning_rate_init=0.1)  # fmt: skip
