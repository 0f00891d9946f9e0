# original
import numpy as np
import keras
from keras.utils import to_categorical
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder, MinMaxScaler

iris = load_iris()
X = MinMaxScaler().fit_transform(iris.data)
Y = to_categorical(LabelEncoder().fit_transform(iris.target_names[iris.target]))
X_train, X_test, y_train, y_test = train_test_split(X, Y, test_size=0.2, random_state=0)
model = keras.Sequential()
model.add(keras.layers.Input((4,)))
model.add(keras.layers.Dense(16, activation="relu"))
model.add(keras.layers.Dropout(0.2))
model.add(keras.layers.Dense(3, activation="softmax"))
model.compile(loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1), optimizer=keras.optimizers.Adam(0.01), metrics=["accuracy"])
model.fit(X_train, y_train, epochs=10, batch_size=16, validation_split=0.0, verbose=0)
pred = np.argmax(model.predict(X_test, verbose=0), axis=1)
print((pred == y_test.argmax(1)).mean())
