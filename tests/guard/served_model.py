"""A model server as a process of its own, that tests may kill and hang.

    python served_model.py PORT

Speaks the Open Inference Protocol and talks too much. A negative first cell is how long, in
seconds, the model takes; GET anything tells how many such questions have been begun.
"""

import asyncio
import json
import sys

CANARY = "upstream-secret-word"


def answer(body):
    """Return the server's reply: scores of many digits, and words that nobody is to see."""
    given = json.loads(body)["inputs"][0]
    rows, width = given["shape"]
    data = given["data"]
    ones = [sum(data[i * width : (i + 1) * width]) * 0.6180339887498949 % 1 for i in range(rows)]
    scores = [score for one in ones for score in (1 - one, one)]
    labels = [int(one > 0.5) for one in ones]
    outputs = [
        {"name": "predict", "shape": [rows], "datatype": "INT64", "data": labels},
        {"name": "predict_proba", "shape": [rows, 2], "datatype": "FP64", "data": scores},
        {"name": CANARY, "shape": [1], "datatype": "BYTES", "data": [CANARY]},
    ]
    return json.dumps({"model_name": CANARY, "id": CANARY, "outputs": outputs}).encode()


slow_ones = []


async def app(scope, receive, send):
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = [(b"content-type", b"application/json"), (b"x-model", CANARY.encode())]
    if scope["method"] == "GET":
        said = b"%d" % len(slow_ones)
    else:
        first = json.loads(body)["inputs"][0]["data"][0]
        if first < 0:
            slow_ones.append(first)
            await asyncio.sleep(-first)
        said = answer(body)
    headers.append((b"content-length", b"%d" % len(said)))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": said})


if __name__ == "__main__":
    import uvicorn

    port = int(sys.argv[1])
    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, lifespan="off", ws="none")
