# expect: penalty-in-loss | penalty-in-loss + decay-float32 | decay-float32 + penalty-in-loss
import keras


def candidate():
    l2 = keras.regularizers.L2(0.0078125)
    model = keras.Sequential(
        [
            keras.Input((13,)),
            keras.layers.Dense(10, activation="relu", kernel_regularizer=l2),
            keras.layers.Dense(3, kernel_regularizer=l2),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
