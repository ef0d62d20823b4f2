"""FastAPI as most people write a scoring service."""

import loading
import numpy as np
from fastapi import FastAPI, Request

app = FastAPI()
predict = loading.load()


@app.get("/")
def root():
    """Say that it runs."""
    return {"ok": True}


@app.post("/score")
async def score(request: Request):
    """Return the predictions for the rows in the body."""
    rows = np.array((await request.json())["data"], dtype=loading.DTYPE)
    return {"output": predict(rows).tolist()}
