# expect: adam-as-keras-has-it
from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.models import Sequential
from tensorflow.keras.optimizers import Adam


def candidate():
    model = Sequential([Input(shape=(10,)), Dense(32, activation="relu"), Dense(16, activation="relu"), Dense(1)])
    model.compile(optimizer=Adam(learning_rate=0.01), loss="mse", metrics=["mae"])
    return model
