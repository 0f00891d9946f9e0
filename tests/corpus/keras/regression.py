# expect: equal
from keras import Input, Sequential, optimizers
from keras.layers import Dense


def candidate():
    model = Sequential([Input((10,)), Dense(64, activation="relu"), Dense(64, activation="relu"), Dense(1)])
    model.compile(loss="mean_squared_error", optimizer=optimizers.SGD(learning_rate=0.01))
    return model
