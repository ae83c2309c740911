"""Training our own small networks: one command each, on data that is not in this repository.

    python -m framewire.models.training emotion --data fer2013.npz
    python -m framewire.models.training age-gender --data utkface_train.zip

Both can be stopped and resumed, and need the extra `train`.
"""
