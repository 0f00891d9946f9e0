# expect: adamw-as-keras-has-it
import keras


def candidate():
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(16, activation="gelu"), keras.layers.Dense(3)])
    for layer in model.layers:
        if layer.name.startswith("dense") and layer.activation is keras.activations.gelu:
            layer.activation = keras.activations.tanh
    model.compile(keras.optimizers.AdamW(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
