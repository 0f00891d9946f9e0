# expect: refused lbfgs
from sklearn.neural_network import MLPClassifier


def candidate():
    return MLPClassifier(solver="lbfgs")
