"""Runs in Triton's environment: binds scikit-learn models to a real Triton Inference Server.

Usage: triton_app.py FOLDER HTTP_PORT GRPC_PORT METRICS_PORT

`iris` answers `probabilities` and `label`, `digits` ten probabilities; `broken` fails.
"""

import signal
import sys
from pathlib import Path

import joblib
import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig, TritonSecurityConfig


def classifier(model):
    @batch
    def infer(x):
        scores = model.predict_proba(x)
        label = scores.argmax(axis=1).astype(np.int64)[:, None]
        return {"probabilities": scores.astype(np.float64), "label": label}

    return infer


@batch
def fail(x):
    raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied {x.shape}")


def main() -> None:
    # Asked to end, it must leave the `with` block: Triton's shared memory outlives it otherwise.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(sys.argv[1])
    http, grpc, metrics = map(int, sys.argv[2:5])
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=http,
        grpc_address="127.0.0.1",
        grpc_port=grpc,
        metrics_address="127.0.0.1",
        metrics_port=metrics,
    )
    security = TritonSecurityConfig(access_token="example")  # of statistics, logs and models' doors
    with Triton(config=config, workspace=folder / "workspace", security_config=security) as triton:
        for name, size, classes in (("iris", 4, 3), ("digits", 64, 10)):
            triton.bind(
                model_name=name,
                infer_func=classifier(joblib.load(folder / f"{name}.joblib")),
                inputs=[Tensor(name="x", dtype=np.float64, shape=(size,))],
                outputs=[
                    Tensor(name="probabilities", dtype=np.float64, shape=(classes,)),
                    Tensor(name="label", dtype=np.int64, shape=(1,)),
                ],
                config=ModelConfig(max_batch_size=128),
                strict=True,
            )
        triton.bind(
            model_name="broken",
            infer_func=fail,
            inputs=[Tensor(name="x", dtype=np.float64, shape=(4,))],
            outputs=[Tensor(name="y", dtype=np.float64, shape=(1,))],
            config=ModelConfig(max_batch_size=8),
        )
        triton.serve()


if __name__ == "__main__":
    main()
