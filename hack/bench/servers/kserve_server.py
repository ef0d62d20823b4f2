"""KServe's model server."""

import loading
from kserve import Model, ModelServer
from kserve.utils.utils import get_predict_response


class Served(Model):
    """The model, loaded as all peers load it."""

    def __init__(self):
        super().__init__("m")
        self._predict = loading.load()
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        """Return the predictions for the first tensor."""
        rows = payload.inputs[0].as_numpy().astype(loading.DTYPE)
        return get_predict_response(payload, self._predict(rows), self.name)


if __name__ == "__main__":
    ModelServer(http_port=loading.PORT, workers=1, enable_grpc=False).start([Served()])
