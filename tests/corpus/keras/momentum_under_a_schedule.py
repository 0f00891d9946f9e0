# expect: momentum-as-keras-has-it | rate-in-velocity
import keras
def candidate():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, decay_steps=10, decay_rate=0.9)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(10, activation="relu"), keras.layers.Dense(3)])
    model.compile(keras.optimizers.SGD(schedule, momentum=0.9), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
