# expect: equal
# The library's own loop body; all of its arrays are float32.
from nerva_numpy.activation_functions import ReLUActivation
from nerva_numpy.layers import ActivationLayer, LinearLayer
from nerva_numpy.loss_functions import StableSoftmaxCrossEntropyLossFunction
from nerva_numpy.multilayer_perceptron import MultilayerPerceptron
import numpy as np

loss = StableSoftmaxCrossEntropyLossFunction()


def step(M, X, y):
    T = np.eye(3, dtype=np.float32)[y]
    Y = M.feedforward(X)
    value = loss(Y, T) / len(X)
    M.backpropagate(Y, loss.gradient(Y, T) / len(X))
    M.optimize(0.1)
    return value


def candidate():
    layers = [ActivationLayer(4, 12, ReLUActivation()), LinearLayer(12, 3)]
    for layer in layers:
        layer.set_optimizer("GradientDescent")
    M = MultilayerPerceptron(layers)
    return {"model": M, "step": step, "config": {"loss": "softmax_cross_entropy", "learning_rate": 0.1}}
