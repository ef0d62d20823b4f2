"""An MLServer runtime over ONNX Runtime."""

import loading
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse


class Onnx(MLModel):
    """The model, loaded as all peers load it."""

    async def load(self):
        """Load the model."""
        self._predict = loading.load()
        return True

    async def predict(self, payload):
        """Return the predictions for the first tensor."""
        rows = self.decode(payload.inputs[0], default_codec=NumpyCodec).astype(loading.DTYPE)
        output = NumpyCodec.encode_output("predict", self._predict(rows))
        return InferenceResponse(model_name=self.name, outputs=[output])
