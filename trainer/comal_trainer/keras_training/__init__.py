"""Training Keras models: one loop for one worker or many, which an interruption only pauses.

Keras's own `fit` cannot: in Keras 3 it fails under MultiWorkerMirroredStrategy, and its
BackupAndRestore goes back to the start of an epoch.
"""
