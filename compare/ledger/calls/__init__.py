"""What a user calls, held against recorded steps: fit, predict, loss, evaluate, save, load, and what is set read back.

The ledger's traces go through `train_step` and put the model into evaluation themselves. Here every member is called as
a user calls it, one after the other, on small networks that hold every option (cases.py). What each must give is
computed by the reference with `train_step` and `forward` alone: an epoch of `fit` is the steps over its batches, its
history their losses by the number of samples, its patience and best weights what the templates' `fit` documents.

What is set, saved or loaded must come back to the bit. Elsewhere 1e-12 of the largest entry is allowed, and what the
roundings of the steps so far (rounding.py) can have become, as copies with slightly changed weights show.
"""
