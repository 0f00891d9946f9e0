# expect: norm-as-keras-has-it + adagrad-as-keras-has-it + penalty-in-loss
import keras
def candidate():
    l2 = keras.regularizers.L2(0.01)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(10, kernel_regularizer=l2), keras.layers.BatchNormalization(),
        keras.layers.Activation("relu"), keras.layers.Dense(3, kernel_regularizer=l2)])
    model.compile(keras.optimizers.Adagrad(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
