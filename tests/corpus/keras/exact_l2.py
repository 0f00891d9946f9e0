# expect: penalty-in-loss
# weight decay as PyTorch's SGD has it
import keras

L2 = keras.regularizers.L2(0.5 * 2**-7)
model = keras.Sequential(
    [
        keras.Input((13,)),
        keras.layers.Dense(16, activation="tanh", kernel_regularizer=L2),
        keras.layers.Dense(3, kernel_regularizer=L2),
    ]
)
model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))


def candidate():
    return {"model": model, "config": {"weight_decay": 2**-7}}
