"""mosec: a Rust front, a Python worker behind it."""

import loading
import numpy as np
from mosec import Server, Worker


class Predict(Worker):
    """The model, loaded as all peers load it."""

    def __init__(self):
        super().__init__()
        self._predict = loading.load()

    def forward(self, data):
        """Return the predictions for the rows in the body."""
        rows = np.array(data["data"], dtype=loading.DTYPE)
        return {"output": self._predict(rows).tolist()}


if __name__ == "__main__":
    server = Server()
    server.append_worker(Predict, num=1)
    server.run()
