"""Between bytes on the wire and tensors: one module for each contract."""
