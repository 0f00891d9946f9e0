# expect: loss-factor
# scikit-learn's squared loss is half the mean of the squares.
from sklearn.neural_network import MLPRegressor


def candidate():
    return MLPRegressor(hidden_layer_sizes=(16,), solver="sgd", alpha=0.0, momentum=0.0, learning_rate_init=0.01)
