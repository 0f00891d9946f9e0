"""Who is timed besides the three implementations: what a user would pick instead."""

from __future__ import annotations

import importlib.util
import time
from itertools import pairwise

from compare.speed.work import Work

# The module whose import is timed.
MODULES = {
    "numpy loop": "numpy",
    "torch loop": "torch",
    "scikit-learn": "sklearn.neural_network",
    "jax": "jax",
    "nerva-numpy": "nerva_numpy.multilayer_perceptron",
}
# The module in which the network is written with it, where it has to be written.
WRITTEN = {
    "numpy loop": "compare.speed.peer_numpy_loop",
    "torch loop": "compare.speed.peer_torch_loop",
    "jax": "compare.speed.peer_jax",
    "nerva-numpy": "compare.speed.peer_nerva",
}


def installed(name: str) -> bool:
    """Whether the peer can be imported; it is not."""
    return importlib.util.find_spec(MODULES[name].partition(".")[0]) is not None


class ScikitLearn:
    """`MLPClassifier.fit` on the same work: the same mini-batches without shuffling, no decay, no early end."""

    class _Stamps(list):
        """Takes the place of `loss_curve_`, to which MLPClassifier appends at each epoch's end."""

        def append(self, loss: float) -> None:
            super().append(time.perf_counter())

    def __init__(self, work: Work):
        from sklearn.neural_network import MLPClassifier

        self.x, self.y = work.data()
        self.model = MLPClassifier(
            work.layer_sizes[1:-1],
            solver=work.optimizer,
            batch_size=work.batch_size,
            learning_rate_init=work.config["learning_rate"],
            alpha=0.0,
            momentum=0.0,
            nesterovs_momentum=False,
            shuffle=False,
            tol=0.0,
            n_iter_no_change=10**9,
            warm_start=True,
            max_iter=1,
            random_state=0,
        )
        self.predict = self.model.predict

    def epochs(self, count: int) -> list[float]:
        import warnings

        start, fitted = time.perf_counter(), hasattr(self.model, "coefs_")
        if fitted:
            self.model.loss_curve_ = self._Stamps()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # That it has not converged is known.
            self.model.set_params(max_iter=count + fitted).fit(self.x, self.y)
        if not fitted:  # The first call has no stamps yet.
            return [(time.perf_counter() - start) / count] * count
        return [after - before for before, after in pairwise(self.model.loss_curve_)]
