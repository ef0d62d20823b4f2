"""Triton with its Python backend, by pytriton."""

import loading
import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

predict = loading.load()


@batch
def infer(**tensors):
    """Return the predictions for the first tensor."""
    rows = predict(next(iter(tensors.values())).astype(loading.DTYPE))
    return {"predict": np.asarray(rows, np.float32).reshape(len(rows), -1)}


ports = {"http_port": loading.PORT, "grpc_port": loading.PORT + 60}
with Triton(config=TritonConfig(**ports, metrics_port=loading.PORT + 61)) as triton:
    triton.bind(
        model_name="m",
        infer_func=infer,
        inputs=[Tensor(name=loading.INPUT, dtype=np.float32, shape=loading.SHAPE)],
        outputs=[Tensor(name="predict", dtype=np.float32, shape=(-1,))],
        config=ModelConfig(max_batch_size=64, batching=True),
    )
    triton.serve()
