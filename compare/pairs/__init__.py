"""Two training scripts held against each other: data, network, start, steps from the same weights, evaluation."""
